"""The texts for a model: instructions, rules, and the prompt that teaches it to play well.

Short, because an agent pays for every token. The figures are those of `rules.tables`; figures that can change
with the catalogue stay out.

Source: docs/rules.md.
"""

from __future__ import annotations

import textwrap
from typing import Final

from dungeonfighter import limits
from dungeonfighter.rules import tables
from dungeonfighter.rules.state import Intent, Stance

_LINE_CHARS: Final = 110


def _times(permille: int) -> str:
    return f"x{permille / 1000:g}"


def _percent(permille: int) -> str:
    return f"{permille / 10:g} %"


def _filled(text: str) -> str:
    """Return the text with each of its lines broken into lines of at most 110 characters."""
    return "\n".join(
        textwrap.fill(line, _LINE_CHARS, break_on_hyphens=False, break_long_words=False)
        for line in text.split("\n")
    )


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

_INTERRUPTED: Final = ", ".join(Intent(number).name for number in sorted(tables.INTERRUPTED))


def _dealt(intent: Intent) -> str:
    return _times(tables.INTENT_DAMAGE[intent])


def _guarded(intent: Intent) -> str:
    return _times(tables.GUARDED[intent])


RULES: Final = _filled(f"""\
# DungeonFighter

The last line of an answer lists the legal inputs: send one without its words (`1`, `item 6`); `1` is \
always legal. An illegal input costs no turn; `equip` (bag), `unequip` (worn), `strip`, `item`, `talents` \
alone list what you have.

**Die.** An attack rolls a d20: 1 is a critical miss, {tables.CRITICAL_FACE} a critical; else die and \
bonus decide: to {tables.MISS_MAX} miss, {tables.MISS_MAX + 1}-{tables.COMBO_MIN - 1} hit, from \
{tables.COMBO_MIN} combo. Combo and critical play the next action of your strip instead of the plain hit, \
later slots harder; a miss loses your place. `luck 5` rerolls 5 misses, a level higher 4.

**Weapon = class.** mace: Barbarian, strength, damage. sword: Warrior, agility, speed. dagger: Rogue, \
technique, rolls. wand: Wizard, intelligence, pierces armour. Wizard > warrior > rogue > wizard: against \
`(you +{(tables.WHEEL - 1000) // 10}%)`, in a fight `weak`, your class wins; `(it \
+{(tables.WHEEL - 1000) // 10}%)`, `strong`, beats yours.

**Fight.** `262/332 next 7, 14+/19 Rend`: you act again in 7 s, after a critical miss \
{_times(tables.CRITICAL_MISS_LENGTH)} that, after a long action more; 14 in all combos and plays Rend, a \
die of 19 is critical. `heavy 31-49 in 1 then light`: the enemy's next action, its damage (to a critical, \
if that kills), the seconds until it, the action after it. `before you`: it acts twice before you do, `up \
to`: at worst. `1 attack 75%:14-29`: chance to hit, damage (plain to critical). `guard 12`: the damage \
left; without it, you act first. `bleed 3 (-12)`: health the next action costs, of bleed the next attack.

2 precise: die +{tables.STANCE_ROLL[Stance.precise]}, damage \
{_times(tables.STANCE_DAMAGE[Stance.precise])}. 3 power: die {tables.STANCE_ROLL[Stance.power]}, damage \
{_times(tables.STANCE_DAMAGE[Stance.power])}; you take {_times(tables.EXPOSED)} until you act again. While \
it `defends`, only power deals more than {_times(tables.DEFENDED)}. 4 guard: you act right after the \
enemy, take {_guarded(Intent.normal)} (heavy and crush {_guarded(Intent.heavy)}) and no status; heavy \
marks it. 5, 6, item n: half the time. 8 flee: an enemy due before your next action acts first, then a d20 \
of {tables.FLEE_NEEDS}: you slip past it for {1 + tables.SLIP_TURNS} turns, from a guardian as leaving. 9 \
auto: attacks to the end or {_percent(tables.AUTO_STOPS_BELOW)} health.

A precise hit, a combo or a bomb interrupts {_INTERRUPTED}: it attacks lightly instead. A precise hit \
makes an opening: the next power hit deals {_times(tables.OPENING)} and does not expose you. Armour counts \
before weaken (takes {_times(tables.WEAKENED)}), mark ({_times(tables.MARKED)} once) and shield \
({_times(tables.SHIELDED)}). A hit takes at most {_percent(tables.HIT_MOST)} of full health.

**Enemies.** Elites, guardians and bosses repeat a pattern. Brackets name a habit, an action of its own. \
charge: a crush ({_dealt(Intent.crush)}) follows. feint: {_guarded(Intent.feint)} against a guard. rage: \
{_times(tables.RAGE)} after each guarded action. drain: heals it by the damage, steal: takes a consumable \
or gold, unless guarded. summon: more health. ward: shield. harden: armour. aim: ignores yours.

**Dungeon.** After an entry roll to {tables.ENTRY_SURPRISED} the enemy acts first, a guardian only sooner. \
Rooms may strike, past a guard. In a cleared room search once, eat a ration once (3 rest: \
{_percent(tables.REST)} health, or 6 prepare: shield {tables.PREPARED} in the next fight). The last room \
holds a guardian, who gathers {_percent(tables.GATHER)} strength for each room passed without kill or \
flight. Leaving costs {1 + tables.LEAVE_TURNS} turns and a scar (-{_percent(tables.SCAR)} health until a \
first clear); the dungeon waits. The hub draws its dungeons at each visit, and restocks after a first \
clear.

**Growth.** Gear: `hit +1` lowers the roll to hit by 1; `+6% overall` estimates your strength. `strip \
2,0,1` orders them by number, the weapon's own must stay; an opener first or a finisher last deals \
+{_percent(tables.EDGE_BONUS)}, one behind an action that inflicts a status (`Rend+`) \
+{_percent(tables.SET_UP_BONUS)}; the inventory has the sum. `wares head` asks for another head item, \
dearer each time. `trade a,b,c,d,e`: five of one rarity and gold for one better.

**Score.** {tables.LEVEL_POINTS // 100} points for each first clear, {tables.BOSS_POINTS // 100} for each \
region's boss, {tables.LAST_POINTS // 100} for the last. Three regions of \
{tables.SCORED_LEVELS // tables.SCORED_BOSSES} levels. Repeats give little experience.

**Clock.** After some turns (`stirs in 9`) the dungeons stir: new enemies gain \
{_percent(tables.STALE_STEP)} for each {tables.STALE_EVERY} turns, until a first clear. A ranked run has \
{limits.ranked_turns_max:,} turns, `turns` are left. An input is one unless it names more, an attack of \
auto one; `t9` counts inputs.

**Modes.** casual: death costs what you wear. ironman: death ends the run. daily: ironman with the day's \
seed. short: ironman of {limits.short_turns_max} turns. The last three without a given seed are ranked. \
Ascensions 1 to {limits.ascensions_max} add hardships.
""")

_STATUSES: Final = _filled(f"""\
Statuses: poison, burn, acid and bleed cost health at own actions (acid also armour), the more the higher \
their number; of the others the number says how often they still count. weaken: takes \
{_times(tables.WEAKENED)}; mark: takes {_times(tables.MARKED)} once; slow: needs {_times(tables.SLOWED)} the \
time; stun: skips an action; confusion: may hit itself; roll penalty: die -{tables.ROLL_PENALTY}; shield: \
takes {_times(tables.SHIELDED)}; pierce: ignores armour; fortify: armour for the fight. A critical adds that \
of your weapon: mace stun, sword bleed, dagger poison, wand slow.""")
"""Only in the prompt: the rules alone have a budget of 1,200 tokens."""

PLAY_PROMPT: Final = f"""\
You play a hero in DungeonFighter through its tools. Aim for the highest score you can.

Each turn: read the status line, the events and the inputs; then call handle_input with one input and turn =
the number after t in the first line. If an answer is lost, send the same call again: nothing happens twice.
Begin with get_agent_context if you have that tool (it holds the note that you may have left yourself with
set_agent_directive), else with get_game_state; if there is no hero, start_new_game. Stop when the run is over
or you are told to.

How to play well:
- In a fight answer what the enemy shows: guard against heavy and crush, precise against heal, status, charge,
  summon and what else it can interrupt, power into an opening, when the enemy defends, or cannot act before
  you. Do not guard a feint. Finish with precise.
- Look at the action after the shown one: make the opening or take the potion while the enemy is slow.
- Heal before the hit that could kill you. Keep a potion and a bomb for the guardian in the last room; prepare
  with a ration before it unless you need the rest.
- Equip what the views say is better. Search cleared rooms. Buy potions, bombs, rations.
- Take the lowest level not cleared yet if it is not above your own, else repeat one.
- Slip past a fight or leave a dungeon that would kill you; a scar is cheaper than death.
- Clear a new level before the dungeons stir; kill on the way, or the guardian grows.

{RULES}
{_STATUSES}
"""
