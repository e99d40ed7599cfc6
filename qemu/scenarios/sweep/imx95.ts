import vendorProtocols from '../../../src/plugins/imx/index.js'
import { readOutcomes } from '../../runner/sweep/outcomes.js'
import { sweep } from '../../runner/sweep/sweep.js'
import { labFile } from '../../support/paths.js'

/** The vendor's protocols; the others are as on `everything`. */
export default sweep('imx95', vendorProtocols, readOutcomes(labFile('scenarios', 'sweep', 'imx95.outcomes.yaml')))
