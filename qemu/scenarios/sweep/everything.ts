import { protocols } from '../../../src/protocols/index.js'
import { readOutcomes } from '../../runner/sweep/outcomes.js'
import { sweep } from '../../runner/sweep/sweep.js'
import { labFile } from '../../support/paths.js'

export default sweep('everything', protocols, readOutcomes(labFile('scenarios', 'sweep', 'everything.outcomes.yaml')))
