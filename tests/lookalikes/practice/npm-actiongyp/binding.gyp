{"targets": [{"target_name": "action", "type": "none", "actions": [{"action_name": "gen", "inputs": [], "outputs": ["x.h"],
  "action": ["node", "tools/gen.js"]}]}]}
