const crypto = require('crypto')
const fs = require('fs')
const https = require('https')
const path = require('path')
const { version } = require('./package.json')
const sums = require('./checksums.json')

const key = `${process.platform}-${process.arch}`
const out = path.join(__dirname, 'bin', process.platform === 'win32' ? 'core.exe' : 'core')

function fetchBinary (url, done) {
  https.get(url, res => {
    if (res.statusCode !== 200) return done(new Error('HTTP ' + res.statusCode))
    const parts = []
    res.on('data', c => parts.push(c))
    res.on('end', () => done(null, Buffer.concat(parts)))
  }).on('error', done)
}

if (!sums[key]) {
  console.warn(`quickpack: no binary for ${key}, the slow fallback is used`)
} else {
  fetchBinary(`https://quickpack.example/releases/v${version}/core-${key}`, (err, body) => {
    if (err) return console.warn('quickpack: ' + err.message)
    if (crypto.createHash('sha256').update(body).digest('hex') !== sums[key]) {
      console.error('quickpack: checksum differs, refusing the download')
      process.exit(1)
    }
    fs.mkdirSync(path.dirname(out), { recursive: true })
    fs.writeFileSync(out, body, { mode: 0o755 })
  })
}
