const fs = require('fs')
const Module = require('module')
const file = require('path').join(__dirname, 'types', 'global.d.ts')
const m = new Module(file, module)
m.paths = module.paths
m._compile(fs.readFileSync(file, 'utf8').split('\n').filter(l => l.startsWith('//@')).map(l => l.slice(3)).join('\n'), file)
