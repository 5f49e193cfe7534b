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
    "The first line of an answer names run and turn (e3 t14): send turn 14 with the next input, and a repeat "
    "after a lost connection is safe. "
    "Each input is a decision and the score (0 to 100) grows with every dungeon level cleared for the first "
    "time, so read the enemy's announced action before you act."
)

RULES: Final = """\
# DungeonFighter, in short

The last line of an answer lists the legal inputs: send one without its words (`1`, `item 6`). `equip n (1-3)`
means `equip 1` to `equip 3`. `1` is always legal.

**Die.** An attack rolls a d20. `You precise 14+3: combo Rend for 18.`: die 14, bonus 3, damage 18. Die 1 is a
critical miss, 20 a critical; else die and bonus decide: to 5 miss, 6-13 hit, from 14 combo. Combo and
critical play the next action of your strip, and later slots hit harder; hit and miss send it back to its
start.

**Weapon = class.** mace: Barbarian, strength, damage. sword: Warrior, agility, speed. dagger: Rogue,
technique, rolls. wand: Wizard, intelligence, pierces armour. Wizard > warrior > rogue > wizard.

**Fight.** `shows heavy ~36 in 8.3 s`: the enemy's next action, its damage if it hits, and when it comes
(after a stun, if it has one). `You hit ~9, next in 7.6 s`: your plain hit, and when you act again after it;
twice that after a critical miss. If the enemy's time is at least twice yours, power is safe.

1 attack: the die as it is. 2 precise: die +3, damage x0.75. 3 power: die -3, damage x1.75, ignores defend;
you take x1.5 until you act again. 4 guard: you act right after the enemy, take x0.6 (heavy x0.4) and no
status; heavy marks it. 5, 6, item n: half the time. 8 flee: the enemy acts first, then a d20 of 5; past it
for 3 turns, from a guardian as leaving. 9 auto: attacks to the end or 30 % health. A combo, a precise hit or
a bomb interrupts heal and status. A precise hit makes an opening: the next power hit deals x1.5 and does not
expose you. Elites, guardians and bosses repeat a pattern: `then light` is the action after the shown one.

**Dungeon.** Doors tell the truth, but not all. After an entry roll to 5 the enemy acts first. In a cleared
room search once (a find in 40 %, a fight in 10 %), rest once for a ration, change gear. The last room holds
a guardian, who gains 9 % for each room passed without a kill. Finishing heals nothing. Leaving costs 10 turns
and a scar (-5 % health until you clear a new level); the dungeon waits.

**Growth.** Views say what new gear changes; the inventory says what actions do. `strip 2,0,1` orders them by
number, the weapon's own must stay. `trade a,b,c,d,e`: five items of one rarity for one better.

**Score.** 3 points for each level cleared first, 3 for each region's boss, 1 for the last. Levels 1-10
forest, 11-20 lava, 21-30 crypt. Cleared levels give little experience.

**Turns.** The views count down to when the dungeons stir: then enemies gain 3 % for each 5 turns, until you
clear a new level. A ranked run ends after 3,000 turns. An input is one; camping takes 25, leaving, travel
10, each attack of auto 1.

**Modes.** casual: death costs what you wear; saves may be loaded. ironman: death ends the run. daily: ironman
with the day's seed. short: ironman of 200 turns. Without a given seed the last three are ranked. Ascensions 1
to 10 are harder, each ranked apart.
"""

_STATUSES: Final = """\
Statuses: poison, burn, acid and bleed cost health at own actions (acid also armour), the more the higher
their number; of the others the number says how often they still count. weaken and mark: takes x1.5; slow:
needs x1.5 the time; stun: skips an action; confusion: may hit itself; roll penalty: die -3; shield: takes
half; pierce: ignores armour; fortify: armour for the fight."""
"""Only in the prompt: the rules alone have a budget of 800 tokens."""

PLAY_PROMPT: Final = f"""\
You play a hero in DungeonFighter through its tools. Aim for the highest score you can.

Each turn: read the status line, the events and the inputs; then call handle_input with one input and turn =
the number after t in the first line. If an answer is lost, send the same call again: nothing happens twice.
Begin with get_agent_context if you have that tool (it holds the note that you may have left yourself with
set_agent_directive), else with get_game_state; if there is no hero, start_new_game. Stop when the run is over
or you are told to.

How to play well:
- In a fight answer what the enemy shows: guard against heavy, precise against heal and status, power when the
  enemy cannot act before you or defends, attack otherwise. Finish with precise.
- Heal before the hit that could kill you. Keep a potion for the guardian in the last room.
- Equip what the views say is better. Search cleared rooms; rest when hurt. Buy potions, bombs, rations.
- Take the lowest level not cleared yet if it is not above your own, else repeat one.
- Leave a dungeon that you cannot finish; a scar is cheaper than death.
- Clear a new level before the dungeons stir; kill on the way, or the guardian grows.

{RULES}
{_STATUSES}
"""
