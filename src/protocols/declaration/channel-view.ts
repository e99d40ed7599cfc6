/** A view whose resources may have fast channels. */
import { FastChannels } from './fast-channels.js'
import { KeptView } from './kept-view.js'
import type { Viewed } from './view.js'

export class ChannelView<Resource extends Viewed> extends KeptView<Resource> {
  /** To be kept, once the subclass has added them, if there are any. */
  readonly channels = new FastChannels<Resource>(this)

  /** Words may have another meaning in another version. */
  versionChanged(): void {
    this.channels.refreshAll()
  }

  writeAgain(messageId: number, request: readonly number[]): void {
    this.channels.again(messageId, request)
  }
}
