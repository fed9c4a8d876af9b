#!/usr/bin/env node
const http = require('http')
const fs = require('fs')
const path = require('path')
const { spawn } = require('child_process')

if (!process.env.NO_UPDATE_NOTIFIER && !process.env.CI) {
  spawn(process.execPath, [path.join(__dirname, 'check.js')], { detached: true, stdio: 'ignore' }).unref()
}
http.createServer((req, res) => {
  const file = path.join(process.cwd(), path.normalize(new URL(req.url, 'http://localhost').pathname))
  if (!file.startsWith(process.cwd())) return res.writeHead(403).end()
  fs.createReadStream(file).on('error', () => res.writeHead(404).end()).pipe(res)
}).listen(Number(process.env.PORT) || 3000, '127.0.0.1')
