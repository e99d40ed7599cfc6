/** A program or file of another package: how to see that it is there, and what installs it. */
export interface Tool {
  /** Its name; several are separated by spaces. */
  package: string
  /** What it is for, to end the sentence "… is needed to". */
  purpose: string
  /** A program in PATH … */
  command?: string
  /** … or a file, … */
  file?: string
  /** … or, where that is elsewhere, a command that succeeds if it is there. */
  probe?: string[]
  /** … or a function that says what is missing, if anything is. */
  missing?: () => string | undefined
  /** Only some options of the lab need it: what `setup --with` calls it. */
  extra?: Extra
  /** Whether it is needed only with apt, or only without it. */
  apt?: boolean
  /** Whether only the project's tests need it. */
  forTests?: true
  /** The oldest version that works. */
  atLeast?: [major: number, minor: number]
}

/** What `setup --with` installs in addition. */
export const EXTRAS = ['arm', 'llvm', 'sparse', 'gdb'] as const
export type Extra = (typeof EXTRAS)[number]
