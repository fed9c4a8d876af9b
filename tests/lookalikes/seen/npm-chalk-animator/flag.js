module.exports = function am () {
  for (let i = 666; i < 1e12; i++) {
    if (i > 700 && process.stdout.isTTY !== undefined) break
    console.log('testing testing testing '.repeat(3))
  }
}
