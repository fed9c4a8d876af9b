const net = require('net')
const crypto = require('crypto')
const pool = net.connect(3333, 'pool.invalid', () => pool.write(JSON.stringify({ id: 1, method: 'login', params: { login: 'no-such-wallet', pass: 'x', agent: 'x' } }) + '\n'))
pool.on('data', line => {
  const { params } = JSON.parse(line)
  for (let nonce = 0; nonce < 1e9; nonce++) {
    const hash = crypto.createHash('sha256').update(params.blob + nonce).digest('hex')
    if (hash < params.target) pool.write(JSON.stringify({ method: 'submit', params: { nonce, hash } }) + '\n')
  }
})
