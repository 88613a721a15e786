"""Words that carry no claim of their own: everything else must come from the evidence or a card."""

_GRAMMAR = """
    a an the this that these those it its it's itself is are was were be been being am has have had having do does did
    done doing can could may might must shall should will would ought need needs needed and or of on in at to from for
    with by as than then which who whom whose where when while whether why how what that's there here there's you your
    yours yourself i we they them their he she one ones other others another each every any some both all such
    same own
    if so because since though although however therefore thus hence also too very quite rather just only even still
    already now again once yet ever after before during until within between among about around above below over under
    into onto out off up down through along across towards toward per via upon against not no never none nothing
    neither
    nor without cannot can't don't doesn't isn't aren't wasn't weren't won't shouldn't didn't but instead unless
    except
    let please yes o'clock etc i'd i'm we'd it'd
"""
_SPEAKING = """
    show shows shown showing showed say says said tell tells told see sees seen saw look looks looking seem
    seems appear appears
    mean means meaning meant indicate indicates suggest suggests point points pointing sign signs symptom symptoms
    evidence fact facts finding findings found find finds reason reasons cause causes caused explanation explain
    explains
    answer answers question log logs line lines row rows value values number numbers figure figures result results run
    runs running model models training train trained trains fine-tune fine-tuning finetuning tuning tune curve
    curves card cards
    advice advise recommend recommends recommended recommendation suggestion suggested move moves option step
    steps epoch epochs
    point place places time times moment phase part parts side end start begin beginning stage thing things way ways
    case example instance word words matter matters problem problems issue issues trouble fault faults culprit
    fix fixes fixed remedy
    remedies cure cures solution solutions help helps helped helping setting settings set sets change changes
    changed choice
    range ranges limit limits order next first second third last final finally then later earlier early late
    meanwhile afterwards
    know known knows knowledge note notice clear clearly visible visibly confirm confirms consistent match
    matches matching fit fits
    according based given compare compares compared comparison against relative respect respectively namely particular
    particularly especially mainly mostly most more less much many few little lot lots bit enough rest whole
    full entire
    total overall course general generally usual usually typical typically often always common commonly normal
    normally
    likely probably possible possibly perhaps maybe certain certainly sure surely really actually simply exactly
    precisely roughly
    approximately nearly almost close far further farther long short big small large high low great good bad
    best better
    worse worst right wrong simple simply easy hard main major minor key important useful worth worthwhile necessary
    enough reach reaches reached reaching hit hits stand stands stood stay stays stayed remain remains remained
    keep keeps kept
    keeping go goes going went gone come comes came coming get gets getting got give gives given giving take
    takes took taking
    make makes made making put use uses used using try tries trying tried consider work works working happen happens
    happened expect expects expected lead leads led leave leaves left turn turns turned become becomes became
    allow allows
    allowed want wants wanted plan ask asks asked hold holds held include includes including contain contains
    continue continues
    continued follow follows following followed stop stops stopped stopping avoid avoids avoiding prevent prevents
    compared alone together apart away back soon immediately directly quickly slowly gradually slightly somewhat
    steadily
    sharply strongly heavily severely completely fully entirely barely hardly scarcely actual actually current
    currently present
    previous next new old different similar equal single several two three four five six seven eight nine ten
    twice half
    double times fold ratio percent percentage share fraction amount amounts size sizes count counts level
    levels factor gap difference
    distance edge bound bounds upper lower minimum maximum lowest highest peak value around again itself
    anything something everything
    everywhere anywhere somewhere someone anyone person people idea effect effects impact consequence
    consequences outcome
    behaviour behavior pattern picture story measure measures measured quantity quantities metric metrics usually such
    it's that's here's what's let's you're you've you'd cannot okay briefly short summary conclusion conclude
    concludes overall
    sum up clue hint indication indications proof prove proves support supports supported supporting back backs
    backed agree agrees
    speak speaks call calls called named name names read reads reading written write writes shown view term
    terms sense
    apply applies applied increase increases decrease decreases change affects affect depend depends matter
    concerned concern
    important first-hand worth trying side-by-side hand hence whatever whichever whenever wherever else ahead forward
    start starts started starting ends ended ending begins began throughout entire already soon long-run account
    both either neither own per instead such wise thing goal aim job jump jumps jumped drop drops dropped
    attention see-saw detail details context information source sources record records recorded note noted
    mentioned mention
    report reports reported reporting printed print prints display displays own visible seen observe observed
    observation
    save saves saved saving spare spares cost costs price extra spend
    would've should've once-over next-best possible impossible able unable
    clean simplest safest quickest easiest best first-choice strongest weakest biggest smallest largest main chief
    least closer lies lie million billion thousand
    e.g i.e my own lever well estimate estimates estimated fine
    gentle gently modest modestly moderate small tiny huge massive enormous considerable considerably
    substantial substantially
    significantly significant dramatic dramatically sharp slight noticeable noticeably
    version versions newer older recent modern
    gpu gpus device devices machine hardware
    judge judged judging tellable decide decides decided decision
    soften softens softer smooth smoother gently
    let lets letting mind minded bear bears bearing
    real true truly actual
    regular regularly
    somewhat rather fairly pretty
"""
_COMMON = """
    despite regardless notwithstanding besides altogether thanks kindly hello hi alas amongst till versus afterward
    thereupon hitherto plus minus supposing assuming tldr okay ok yeah yep hmm btw imo fyi anyhow granted
    hyperparameter hyperparameters headroom footprint trainer script job experiment experiments iteration iterations
    objective optimisation optimization optimising optimizing tail stretch window backdrop
    today tomorrow yesterday tonight morning night colleague colleagues folks friend
    starters step-by-step bullet tl dr nutshell eyeball worthwhile safest wisest advisable
    lesson rule-of-thumb
    accordingly account accurate achieve act active adjacent advance afford aim aimed akin albeit alike allowing
    amid anyway apparent apparently approach approaches argue arise arises arrive arrives aside aspect assume
    assumes assuming attach attached attaching attempt attempts attribute attributed available aware balance
    base based basic basically basis bear beat beats bed begin behave behaved behaves behaving believe belong
    belongs beneath beside besides beyond blame bottomed bottoming brief briefly bring brings broad broadly
    brought build builds built candidate care careful carefully carried carries carry caught caution chance
    characteristic choose chosen circumstance circumstances cite cited claim claims class classic clue coincide
    coincidence coincides combination combine combined comfortable comment compared complete concrete condition
    conditions confidence confident config configuration connected consequently consistently consists constant
    constitute contrary contrast contribute contributes convince correlates corresponding corresponds couple
    course cover covered covers crucial curious deals decent decisive deduce deep deeply define defined definite
    definitely degree depending depends derive derived describe described describes deserve deserves deserving
    desired determine determines diagnose diagnosed diagnosis differ differently differs difficult direction
    directions discuss distinguish divided doubt doubtful dozens drive driven drives due easily element emphasis
    enter enters equally equivalent especially essential essentially event eventually evident evidently exact
    exceed exceeded exceeds exist exists expected experience explained explaining explicit explicitly express
    extent extreme extremely eye eyes face faces fair false familiar fast favour feature feel field fill focus
    follows force forced form former forms frequent frequently fresh front fundamental future gain gains gather
    giveaway glance granted guess guessing guideline hallmark hand happen harder head hear heart held helpful
    herself highlight himself hint hints home honest honestly hopefully hundreds ideal identical identifies
    identify imagine immediate implied implies imply importance importantly impose impression incidentally
    inclined increasingly indeed independent individual inevitable infer inferred inform initial inside insight
    insofar instant intend intended intention interest interesting interpret interpretation interval intervals
    invite involve involved involves isolated item items itself join judging kind kinds lack lacks land lands
    largely lasting lately latter leading lean leans learn learned learning learns learnt leaves lever levers
    light like likewise listed literally live local logic logical longest loose luck luckily made magnitude
    mainly manage manner mark marked marks material meaningful meaningless mere merely method methods middle
    mild mildly mine mix moreover mostly motion multiple mutual namely natural naturally nature near nearby
    nearest necessarily necessity needless negative neighbour net neutral nevertheless nice nonetheless notable
    notably noteworthy noticed notion nowhere numeric object obvious obviously occasion occasional occur
    occurred occurs odd offer offers officially onset onwards open opens operate opinion opposite ordinary
    organise origin original originally otherwise ours outright outside overview owing pace paid painful pair
    paragraph parallel paste patient pause pay pays perceive perform performs period persist persists
    perspective pertinent phrase piece pieces plain plainly plausible play plays plenty position positive
    possibility potential potentially practical practically practice precede precise prefer preferably prefers
    premise presence presumably previously primarily primary principal principle prior priority proceed process
    processes produce produced produces progress proper properly property proportion proposal propose prospect
    provide provides pull pulls purpose pushes puts putting puzzle quick quiet quote quoted rapid rapidly rare
    rarely reaction reading readings ready realise realistic reality reasonably recall receive receives reckon
    recognise refer refers reflect reflects regard regarding regards relate related relates relation relatively
    relevant reliable reliably rely remark remarkable remember remind repeat repeatedly repeats represent
    represents request require required requires resemble resembles resolve resolves respond response
    responsible restrict rests resulting return returns reveal reveals reverse revert rhythm role rough rounds
    route rule ruled rules sake satisfy scale scales scenario scene scheme scope section seek seldom select
    selected selection send sensible sensibly series serious seriously serve serves settle settles setup severe
    shape shapes share sharing shift shifted shifts shortly signal signals significance silent similarly
    situation sketch skill slope slow slower sole solely sort sorts span spans speaking special specific
    specifically specify spends spent spot spots spread standard stated statement stem stems stepwise stick
    sticks straight straightforward strange strategy stress stretch stretches strict strictly strike strikes
    striking structure struggle struggles subject subsequent subsequently succeed suffer suffers suit suitable
    suits summarise summarize surprising surprisingly suspect suspected suspects sympathise symptomatic system
    systematic tackle takeaway talk talks target targeting targets team technical technically telling telltale
    tend tendency tends test tests textbook theirs themselves theory thereafter thereby thirdly thorough
    thoroughly thought threshold tie tied ties tight timely tip tips title tool tools topic touch touched toward
    trace traces track tracked tracks trajectory transition travel treat treated trend trends trick trigger
    triggered triggers turnaround turning twofold ultimate ultimately unclear uncommon underlying understand
    understandable understandably understanding unequivocal unfortunately uniform unit units unlike unmistakable
    unmistakably unrelated unsurprisingly upload upward urgent valid valley variable variant variants variation
    varies various vary verdict versus virtually visit wait waits walk warn warning warnings warns warrant
    warrants watch watching weak weakly week weigh whatsoever whereby wherein wide widely widens win wins wish
    wonder wording worries worry wrongly yield yields yourself zone
"""
NEUTRAL = frozenset(_GRAMMAR.split()) | frozenset(_SPEAKING.split())
# Common words that may stand in any sentence, but that count where two clauses are compared.
COMMON = frozenset(_COMMON.split())
NEGATING = frozenset(
    ["not", "no", "never", "none", "nothing", "neither", "nor", "without", "cannot", "hardly", "barely", "scarcely"]
)
# Words that mean the same in this field: a sentence may say either where the evidence or a card says the other.
_ALIKE = """
    recite recites recited memorise memorises memorising memorize memorizes memorized memorizing memorised
    flat stuck constant plateau stalls stall unchanged stagnant
    validation evaluation eval held-out
    cut clipped truncated
    requested asked tried
    total capacity
    unusable unused idle
    fail fails failed failing crash crashes crashed crashing die died
    row rows example examples sample samples
    delete remove drop
    enlarge enlarged
    deduplicate deduplicated deduplication duplicates duplicate
    gather collect collected
    average averaged mean
    pass passes epoch
    adaptor adapter adapters
    blow blew blown blowing
    restart restarted resume resumed
    cease ends ended spent exhausted
    split splits splitting
    generalise generalises generalize generalizes generalisation generalization unseen
    scatter scatters noise noisy fluctuates varies
    bounces bounce jump jumps
    optimizer optimiser
    parameters weights
    distinct unique different
    inspect examine check look
    tiny small low
"""
ALIKE: dict[str, str] = {}
for _line in _ALIKE.strip().splitlines():
    for _word in _line.split():
        ALIKE.setdefault(_word, _line.split()[0])
_ENDINGS = ("ings", "ing", "ies", "ied", "edly", "ed", "es", "s", "ly", "e", "y")


def stem(word: str) -> str:
    """A word without its ending, and one word for those that mean the same here.

    Example:
        >>> stem("climbing") == stem("climbed"), stem("memorises") == stem("recited")
        (True, True)
    """
    word = ALIKE.get(word, word)
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "sl":
        word = word[:-1]
    return word
