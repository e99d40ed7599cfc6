/** What the Miscellaneous protocol keeps for one agent: its view of the controls, and its subscriptions. */
import { mustHave, type Saved } from '../../platform/core/kept.js'
import type { Platform } from '../../platform/core/platform.js'
import { event } from '../../protocols/declaration/define-protocol.js'
import { notify } from '../../protocols/declaration/outgoing.js'
import type { AgentProtocol, AgentState } from '../../protocols/declaration/protocol.js'
import { FlagSubscriptions, type Ids } from '../../protocols/declaration/subscriptions.js'
import { ResourceView } from '../../protocols/declaration/view.js'
import { u32 } from '../../wire/fields.js'
import { NOT_FOUND } from '../../wire/status.js'
import { misc } from './kinds.js'
import type { Control, Misc } from './misc-info.js'

/** Ids of board controls have this bit. */
export const BOARD = 0x8000

export const CONTROL_EVENT = event(0x0, 'MISC_CONTROL_EVENT', [u32('ctrl_id'), u32('flags')])

/** Controls as one agent sees them: those of the device, and those of the board with ids from BOARD on. */
export class MiscView implements AgentState, Ids<Control> {
  onChange: (() => void) | undefined
  readonly misc: Misc
  readonly platform: Platform
  readonly deviceControls: ResourceView<Control>
  readonly boardControls: ResourceView<Control>
  /** Why the last `find` gave nothing. */
  refusal = NOT_FOUND
  /** Flags of MISC_CONTROL_NOTIFY. */
  readonly subscriptions = new FlagSubscriptions<Control>(this)
  readonly #protocol: AgentProtocol

  constructor(platform: Platform, protocol: AgentProtocol) {
    this.misc = platform.model(misc)
    this.platform = platform
    this.deviceControls = new ResourceView(this.misc.deviceControls, protocol)
    this.boardControls = new ResourceView(this.misc.boardControls, protocol)
    this.#protocol = protocol
    this.misc.on('happened', this.#onHappened)
  }

  get agentId(): number {
    return this.#protocol.agent.id
  }

  /** The control with this id, or undefined: then answer `refusal`. */
  find(id: number): Control | undefined {
    const view = id & BOARD ? this.boardControls : this.deviceControls
    const control = view.find(id & BOARD ? id - BOARD : id)
    this.refusal = view.refusal
    return control
  }

  /** The control's id, or undefined if the agent does not see it or may not use it. */
  idOf(control: Control): number | undefined {
    const board = this.boardControls.idOf(control)
    return board === undefined ? this.deviceControls.idOf(control) : BOARD + board
  }

  saved(id: number): Control {
    const { list } = id & BOARD ? this.boardControls : this.deviceControls
    return mustHave(list[id & BOARD ? id - BOARD : id], `there is no control ${id}`)
  }

  readonly #onHappened = (control: Control, flags: number): void => {
    const id = this.subscriptions.idFor(control, flags)
    if (id !== undefined) notify(this.#protocol, CONTROL_EVENT, { ctrl_id: id, flags }, control)
  }

  permissionsChanged(): void {
    for (const view of [this.deviceControls, this.boardControls]) this.subscriptions.revoke(view.permissionsChanged())
  }

  save(): Saved {
    return this.subscriptions.save()
  }

  restore(saved: Saved): void {
    this.subscriptions.restore(saved)
  }

  reset(): void {
    this.subscriptions.clear()
  }

  release(): void {
    this.misc.off('happened', this.#onHappened)
    this.reset()
  }
}
