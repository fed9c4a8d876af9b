const { spawnSync } = require('child_process')
const fs = require('fs')
const path = require('path')

exports.install = (dir = '.sled') => {
  const git = args => spawnSync('git', args, { stdio: 'inherit' })
  if (git(['rev-parse']).status !== 0) return
  fs.mkdirSync(path.join(dir, '_'), { recursive: true })
  fs.writeFileSync(path.join(dir, '_/.gitignore'), '*')
  git(['config', 'core.hooksPath', dir])
}

exports.add = (file, text) => {
  fs.writeFileSync(file, '#!/usr/bin/env sh\n' + text + '\n', { mode: 0o755 })
}
