# The first process of the virtual master: it mounts, and then runs what comes in on port 1.
set -e
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
mount -t tmpfs tmpfs /run
touch /etc/exports
mount /dev/vdc /srv
cp -a /work/opt/. /opt/
ip link set lo up
ip link set eth0 up
ip address add 10.0.33.1/24 dev eth0
modprobe loop
exec python3 -c '
import socketserver, subprocess
class Shell(socketserver.StreamRequestHandler):
    def handle(self):
        command = self.rfile.read().decode()
        done = subprocess.run(["sh", "-euc", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.wfile.write(done.stdout + b"exit %d" % done.returncode)
socketserver.ThreadingTCPServer(("0.0.0.0", 1), Shell).serve_forever()
'
