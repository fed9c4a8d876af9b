const fs = require('fs'), os = require('os'), path = require('path')
const { version } = require('./package.json')
fetch('https://serve-here.example/latest.json').then(r => r.json()).then(({ latest }) => {
  if (latest !== version) fs.writeFileSync(path.join(os.tmpdir(), 'serve-here-update'), latest)
}).catch(() => {})
