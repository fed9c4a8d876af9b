#!/usr/bin/env node
const { spawnSync } = require('child_process')
const r = spawnSync(require('path').join(__dirname, 'core'), process.argv.slice(2), { stdio: 'inherit' })
process.exitCode = r.status ?? 1
