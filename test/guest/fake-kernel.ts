/** A source tree that the build accepts as a kernel's; its Image is the content of lib/numbers.txt. */
import { execFileSync } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/**
 * Each compilation adds a line to $SCMI_LAB_TEST_LOG; with $SCMI_LAB_TEST_HOLD set, it announces itself and then waits for that fifo.
 * olddefconfig drops CONFIG_GONE, as Kconfig drops what has no such name. Compiling NAME.o warns of each line of NAME.c and NAME.h
 * that has the text "warn".
 */
const makefile = `
allnoconfig:
	@printf '# CONFIG_B is not set\\n' > $(O)/.config
olddefconfig:
	@sed -i /CONFIG_GONE/d $(O)/.config
mrproper:
	@rm -rf .config include/config
Image:
	@echo built >> $(SCMI_LAB_TEST_LOG)
	@echo '  CC      lib/numbers.o'
	@test -z "$(SCMI_LAB_TEST_HOLD)" || cat "$(SCMI_LAB_TEST_HOLD)"
	@test ! -e lib/broken.c || { echo "lib/broken.c:3:1: error: expected ';'"; exit 1; }
	@mkdir -p $(O)/arch/arm64/boot
	@cp lib/numbers.txt $(O)/arch/arm64/boot/Image
	@mkdir -p $(O)/lib
	@for f in lib/*.c; do test ! -e $$f || grep '^#include' $$f > $(O)/lib/.$$(basename $$f .c).o.cmd || true; done
zImage:
	@mkdir -p $(O)/arch/arm/boot
	@{ echo "$(ARCH) $(CROSS_COMPILE) $(LLVM)"; cat lib/numbers.txt; } > $(O)/arch/arm/boot/zImage
%.o:
	@grep -Hn 'warn' $*.c $*.h 2>/dev/null | sed 's/:\\([0-9]*\\):/:\\1:1: warning: /' >&2; true
modules_prepare:
	@:
modules:
	@test ! -e lib/other-interface || { echo "consumer.c:1:1: error: unknown type"; exit 1; }
	@test -z "$(M)" || cp $(M)/consumer.c $(M)/lab-consumer.ko
	@test -z "$(M)" || test -n "$(LAB_MODULES)" || test ! -e lib/other-operations || { echo "operations.c:1:1: error: no member"; exit 1; }
	@test -z "$(M)" || test -n "$(LAB_MODULES)" || cp $(M)/protocols.c $(M)/lab-protocols.ko
modules_install:
	@mkdir -p $(INSTALL_MOD_PATH)/lib/modules/9.9.9/kernel
	@echo scmi > $(INSTALL_MOD_PATH)/lib/modules/9.9.9/kernel/scmi.ko
	@echo kernel/scmi.ko: > $(INSTALL_MOD_PATH)/lib/modules/9.9.9/modules.dep
	@ln -s $(O) $(INSTALL_MOD_PATH)/lib/modules/9.9.9/build
`

const mergeConfig = `#!/bin/sh
# merge_config.sh -m -O OBJECTS BASE FRAGMENT...
shift 3
base=$1
shift
cat "$@" >> "$base"
`

export const numbers = 'one\ntwo\nthree\nfour\nfive\n'

export const numbersPatch = `--- a/lib/numbers.txt
+++ b/lib/numbers.txt
@@ -1,5 +1,5 @@
 one
 two
-three
+3
 four
 five
`

export function makeFakeKernel(folder: string): string {
  const tree = join(folder, 'linux')
  for (const name of ['arch/arm64', 'arch/arm', 'lib', 'scripts/kconfig'])
    mkdirSync(join(tree, name), { recursive: true })
  writeFileSync(join(tree, 'Kconfig'), '')
  writeFileSync(join(tree, 'Makefile'), makefile)
  writeFileSync(join(tree, 'lib/numbers.txt'), numbers)
  const script = join(tree, 'scripts/kconfig/merge_config.sh')
  writeFileSync(script, mergeConfig)
  chmodSync(script, 0o755)
  return tree
}

/** Runs git in a tree, as a user with a name. */
export const gitIn =
  (tree: string) =>
  (...args: string[]): string =>
    execFileSync('git', ['-C', tree, '-c', 'user.name=x', '-c', 'user.email=x@y', ...args], { encoding: 'utf8' }).trim()

/** Puts a tree under git, then makes a commit for each step's changes; returns all commits, the first one included. */
export function commitSteps(tree: string, steps: readonly Record<string, string>[]): string[] {
  const git = gitIn(tree)
  git('init', '-q', '-b', 'main')
  git('add', '.')
  git('commit', '-q', '-m', 'the start')
  // All in one process: a test with many commits would take long otherwise.
  const data = (text: string): string => `data ${Buffer.byteLength(text)}\n${text}\n`
  const stream = steps.map((files, index) => {
    const from = index === 0 ? 'from refs/heads/main^0\n' : ''
    const changes = Object.entries(files).map(([name, text]) => `M 100644 inline ${name}\n${data(text)}`)
    return `commit refs/heads/main\ncommitter x <x@y> ${index + 1} +0000\n${data(`step ${index + 1}`)}${from}${changes.join('')}`
  })
  execFileSync('git', ['-C', tree, 'fast-import', '--quiet'], { input: stream.join('') })
  git('reset', '-q', '--hard')
  return git('rev-list', '--reverse', 'HEAD').split('\n')
}
