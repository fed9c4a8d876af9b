'use strict'
const escapes = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }
const escape = s => String(s).replace(/[&<>"]/g, c => escapes[c])

function compile (text) {
  let body = "let out = '';\nwith (data) {\n"
  let last = 0
  text.replace(/<%([=-]?)([\s\S]+?)%>/g, (match, mark, code, at) => {
    body += `out += ${JSON.stringify(text.slice(last, at))};\n`
    last = at + match.length
    body += mark === '=' ? `out += escape(${code});\n` : mark === '-' ? `out += (${code});\n` : code + '\n'
    return match
  })
  body += `out += ${JSON.stringify(text.slice(last))};\n}\nreturn out;`
  const render = new Function('data', 'escape', body)
  return data => render(data, escape)
}
module.exports = { compile, escape }
