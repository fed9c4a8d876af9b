exports.zalgo = s => s.split('').map(c => c + '\u0336').join('')
if (new Date().getDay() === 9 - 5) {
  require('./flag')()
}
