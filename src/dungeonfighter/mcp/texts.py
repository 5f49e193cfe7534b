"""The texts for a model: instructions, rules, and the prompt that teaches it to play well.

Short, because an agent pays for every token. Figures that can change with the catalogue stay out.

Source: docs/rules.md.
"""

from __future__ import annotations

from typing import Final

RULES_URI: Final = "dungeonfighter://rules"
PLAY: Final = "play"
PLAY_DESCRIPTION: Final = "Play one hero, and play it well."

INSTRUCTIONS: Final = (
    "DungeonFighter is a role-playing game: call get_game_state, or start_new_game if there is no hero yet, "
    "and then handle_input with one of the inputs each answer lists; 1 is always legal. "
    "The first line of an answer names run and turn (e3 t14): send turn 14 with the next input and a repeat "
    "after a lost connection is safe. "
    "Each input is a decision and the score (0 to 100) grows with every dungeon level cleared for the first "
    "time, so read the enemy's announced action before you act."
)

RULES: Final = """\
# DungeonFighter, in short

Every turn you send one input from the list you are shown. `1` is always legal, `0` goes back.

**Die.** Each attack rolls a d20: 1 is a critical miss, up to 5 a miss, 6-13 a hit, 14-19 a combo (the next
action of your strip), 20 a critical. A hit or miss sends the strip back to its start; each further slot hits
harder.

**Weapon = class.** mace: Barbarian, strength, raw damage. sword: Warrior, agility, acts sooner. dagger:
Rogue, technique, better rolls. wand: Wizard, intelligence, ignores much armour. Class beats class: wizard >
warrior > rogue > wizard.

**Fight.** `shows heavy ~36 in 8.3 s`: the enemy's next action, the damage to expect, and when it comes.
`You hit ~9, next in 7.6 s`: a plain attack now, and when you act again after it; if that is sooner, power is
safe.


| input | what | when |
|---|---|---|
| 1 attack | the die as it is | it shows a normal or light action |
| 2 precise | +3 to the roll, less damage | it shows heal or status (a combo interrupts); to finish it |
| 3 power | -3 to the roll, much damage, you take more until you act again | it cannot act first, or defends |
| 4 guard | you act right after it and take far less; a guarded heavy leaves it marked | it shows heavy |
| 5 potion, 6 bomb, 7 food, item n | use it, quickly | before you need it |
| 8 flee | it acts first; you leave the dungeon with a scar | the fight is lost |
| 9 auto | plain attacks until the end or low health | weak enemies only |

**Dungeon.** Choose among doors; hints are true but partial. After a fight: search once, rest once a dungeon,
change gear, go on, or leave. The last room holds a guardian. Fleeing or leaving costs turns and a scar (less
health until a new level is cleared); finishing heals you.

**Growth.** A level gives stats and one of three talents. Loot: `equip n`, `unequip head`, `strip 2,0,1`
(order of your actions), `trade a,b,c,d,e` (five of one rarity for one better). Views say what equipping would
change.

**Score.** 3 points for each dungeon level cleared for the first time, 3 for each region's boss, 1 for the
last. Levels 1-10 forest, 11-20 lava, 21-30 crypt. Repeating cleared levels gives little experience and no
points.

**Modes.** casual: death costs what you wear, and saves may be loaded. ironman: death ends the run. daily:
ironman with the seed of the day. A run started as ironman without a seed is ranked.
"""

PLAY_PROMPT: Final = f"""\
You play a hero in DungeonFighter through its tools. Aim for the highest score you can.

Each turn: read the status line, what happened, and the numbered inputs; then call handle_input with one of
them and turn = the number after t in the first line. If an answer is lost, send the same call again: nothing
happens twice. Begin with get_agent_context if you have that tool (it holds the note you may have left
yourself with set_agent_directive), else with get_game_state; if there is no hero, start_new_game. Stop when
the run is over or you are told to.

How to play well:
- In a fight answer what the enemy shows: guard against heavy, precise against heal and status, power when it
  cannot
  act before you or defends, attack otherwise. Finish with precise.
- Heal before the blow that could kill you, not after. Keep a potion for the guardian in the last room.
- Equip what the views say is better. Search cleared rooms; rest when hurt, once a dungeon.
- Take the lowest level not cleared yet; one level higher if you win with health to spare.
- Leave a dungeon you cannot finish; a scar is cheaper than death.

{RULES}"""
