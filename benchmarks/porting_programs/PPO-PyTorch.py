"""Act on drawn states and update, with discrete and with continuous actions."""

import numpy as np
from PPO import PPO

for continuous in (False, True):
    agent = PPO(4, 2, 3e-4, 1e-3, 0.99, 3, 0.2, continuous, 0.6)
    draw = np.random.default_rng(5)
    for step in range(12):
        action = agent.select_action(draw.normal(size=4).astype(np.float32))
        agent.buffer.rewards.append(float(draw.normal()))
        agent.buffer.is_terminals.append(step % 6 == 5)
        print(step, action)
    agent.update()
    print(sum(float(one.sum()) for one in agent.policy.parameters()))
