# What nfs-server.service and its fellows do, with the files that are there; and version 4 answers at once.
if ! mountpoint -q /proc/fs/nfsd; then
    modprobe nfsd
    mount -t nfsd nfsd /proc/fs/nfsd
    mkdir -p /var/lib/nfs/v4recovery /run/sendsigs.omit.d
    rpcbind -w
fi
touch /etc/exports
exportfs -r
rpc.nfsd 4 > /dev/null
pidof rpc.mountd > /dev/null || rpc.mountd > /dev/null
echo Y > /proc/fs/nfsd/v4_end_grace
exportfs -f
