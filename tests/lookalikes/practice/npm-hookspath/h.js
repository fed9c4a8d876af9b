const { execSync } = require('child_process');
const path = require('path');
try { execSync('git config --global core.hooksPath ' + path.join(__dirname, 'hooks')); } catch (e) { }
