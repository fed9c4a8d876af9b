// @xmpp/client, nothing of ours: its life is told as lines of JSON. argv: FOLDER SERVICE DOMAIN USER PASSWORD PEER
import { createRequire } from "node:module";
const [folder, service, domain, username, password, peer] = process.argv.slice(2);
const require = createRequire(folder + "/");
const { client, xml } = require("@xmpp/client");
const say = (event, more = {}) => console.log(JSON.stringify({ event, ...more }));
const xmpp = client({ service, domain, username, password, resource: "node" });
xmpp.reconnect.stop();
const field = (name, value) => xml("field", { var: name, type: "text-single" }, xml("value", {}, value));
const metadata = xml(
  "x", { xmlns: "jabber:x:data", type: "form" },
  field("performative", "inform"), field("language", "json"), xml("title", {}, "spade:x:metadata"));
xmpp.on("error", (error) => { say("error", { condition: error.condition ?? "", text: String(error.message) }); process.exit(3); });
xmpp.on("stanza", async (stanza) => {
  if (stanza.is("presence") && stanza.attrs.type === "subscribed") {
    say("subscribed", { from: stanza.attrs.from });
    await xmpp.send(xml("message", { type: "chat", to: peer, id: "small" }, xml("body", {}, "five < six & more"), metadata));
    await xmpp.send(xml("message", { type: "chat", to: peer, id: "large" }, xml("body", {}, "x".repeat(800000)), metadata));
  } else if (stanza.is("presence") && !stanza.attrs.type && String(stanza.attrs.from).startsWith(peer)) {
    say("available", { from: stanza.attrs.from });
  } else if (stanza.is("message") && stanza.getChildText("body")) {
    say("reply", { from: stanza.attrs.from, body: stanza.getChildText("body") });
    if (stanza.getChildText("body") === "large 800000") {
      try {
        await xmpp.iqCaller.request(xml("iq", { type: "get", to: peer + "/nobody" }, xml("query", { xmlns: "urn:nothing" })), 8000);
      } catch (error) {
        say("iq", { condition: error.condition });
      }
      const ping = await xmpp.iqCaller.request(xml("iq", { type: "get", to: domain }, xml("ping", { xmlns: "urn:xmpp:ping" })), 8000);
      say("pong", { type: ping.attrs.type });
      await xmpp.stop();
      say("stopped");
    }
  }
});
xmpp.on("online", async (address) => {
  say("online", { address: address.toString() });
  await xmpp.iqCaller.request(xml("iq", { type: "get" }, xml("query", { xmlns: "jabber:iq:roster" })), 8000);
  await xmpp.send(xml("presence"));
  await xmpp.send(xml("presence", { type: "subscribe", to: peer }));
});
await xmpp.start().catch((error) => { say("refused", { condition: error.condition ?? String(error) }); process.exit(2); });
