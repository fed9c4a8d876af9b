#!/usr/bin/env node
const sled = require('./')
const [, , command, file, text] = process.argv
if (process.env.CI || process.env.SLED === '0') process.exit(0)
if (command === 'install') sled.install()
else if (command === 'add') sled.add(file, text)
else console.log('usage: sled install | add FILE COMMAND')
