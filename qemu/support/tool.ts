/** A program or file of another package: how to see that it is there, and what installs it. */
export interface Tool {
  package: string
  /** What it is for, to end the sentence "… is needed to". */
  purpose: string
  /** A program in PATH … */
  command?: string
  /** … or a file, … */
  file?: string
  /** … or, where that is elsewhere, a command that succeeds if it is there. */
  probe?: string[]
  /** Whether it is wanted only where apt is, or only where it is not. */
  apt?: boolean
  /** Whether only the project's own tests want it. */
  forTests?: true
  /** Programs older than this do not do. */
  atLeast?: [major: number, minor: number]
}
