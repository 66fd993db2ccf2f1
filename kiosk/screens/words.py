"""Views to texts: every word of the screens, in the language that is on (English source texts, translated by gettext).

A page's texts are one :class:`PageText`; a widget compares old with new and redraws what differs. What a touch means
stands beside the words of its key. Wording: the visual language, sections 5 and 11; terms: the glossary.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, datetime

from kiosk.i18n import _, language
from kiosk.typing.composition import Method
from kiosk.typing.line import Shift
from kiosk.views import (
    AccountView,
    Action,
    AttractView,
    Body,
    BorrowView,
    CardProblemView,
    CardTrouble,
    ClosedView,
    DeviceView,
    DoneView,
    Notice,
    OfferView,
    OutOfServiceView,
    PinView,
    Receipt,
    ReturnView,
    RowState,
    RowView,
    StaffView,
    Touch,
    TypingView,
    View,
)
from sync.circulation.model import LOCAL_ZONE


@dataclass(frozen=True, slots=True)
class Key:
    """Something to press: its label, its icon, how it looks (visual language, 5.1), what it means."""

    text: str
    touch: Touch
    kind: str = "secondary"
    icon: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of a pile: a book with its label and slip, or a heading. ``cloth`` 0 is a ghost: not read yet.

    ``folded`` means that its keys appear when the row is touched.
    """

    key: str
    heading: str = ""
    title: str = ""
    author: str = ""
    cloth: int = 0
    word: str = ""
    detail: str = ""
    icon: str = ""
    tint: str = "text"
    ground: str = "label_ground"
    why: str = ""
    now: str = ""
    slip_ground: str = "refused_ground"
    slip_bar: str = "refused"
    keys: tuple[Key, ...] = ()
    folded: bool = False


@dataclass(frozen=True, slots=True)
class Counter:
    """A number with what it counts."""

    number: str
    text: str
    role: str = "reading"
    icon: str = ""


@dataclass(frozen=True, slots=True)
class StatusLine:
    """A device in the staff corner: its mark, its name, and how it is."""

    text: str
    state: str
    icon: str
    role: str


@dataclass(frozen=True, slots=True)
class Repair:
    """A chip that waits to be secured again: which, why, and the key that says it has been done."""

    text: str
    detail: str
    key: Key


@dataclass(frozen=True, slots=True)
class Typing:
    """A line being typed, as it may be seen, and the words of its keyboard."""

    text: str
    caret: int
    placeholder: str
    method: Method
    method_name: str
    shift: Shift
    signs: bool
    space: str
    erase: str


@dataclass(frozen=True, slots=True)
class PageText:
    """What a page says. Which parts it uses is the page's own affair; an empty part is not drawn."""

    headline: str = ""
    headline_role: str = "headline"
    note: str = ""
    note_icon: str = ""
    note_role: str = "text"
    fact: str = ""
    hint: str = ""
    slab: str = ""
    slab_short: str = ""
    entries: tuple[Entry, ...] = ()
    counters: tuple[Counter, ...] = ()
    primary: Key | None = None
    secondary: Key | None = None
    keys: tuple[Key, ...] = ()
    other_language: str = ""
    eyebrow: str = ""
    big: str = ""
    stamp: str = ""
    stamp_date: str = ""
    code: str = ""
    code_hint: str = ""
    question: str = ""
    question_icon: str = ""
    question_role: str = "text"
    asks: bool = False
    countdown: str = ""
    seconds: int = 0
    of_seconds: int = 0
    next_step: str = ""
    also: str = ""
    devices: tuple[StatusLine, ...] = ()
    repairs: tuple[Repair, ...] = ()
    entered: int = 0
    length: int = 0
    wrong: bool = False
    typing: Typing | None = None


# --- forms ------------------------------------------------------------------------------------------------------------


def day(one: date) -> str:
    """A date as people here write it, in both languages: dd/MM/yyyy."""
    return f"{one:%d/%m/%Y}"


def weekday(one: date) -> str:
    """The name of the day."""
    names = (_("Monday"), _("Tuesday"), _("Wednesday"), _("Thursday"), _("Friday"), _("Saturday"), _("Sunday"))
    return names[one.weekday()]


def local(moment: datetime) -> datetime:
    """An aware instant by the library's clock on the wall."""
    return moment.astimezone(LOCAL_ZONE)


def clock(moment: datetime) -> str:
    """The time of day of an aware instant."""
    return f"{local(moment):%H:%M}"


def money(amount: int) -> str:
    """Đồng with thousands set apart as the language does."""
    grouped = f"{amount:,}"
    return (grouped if language() == "en" else grouped.replace(",", ".")) + "\N{NO-BREAK SPACE}₫"


def card(ending: str) -> str:
    """A card by its last digits alone."""
    return _("Card •••• {ending}").format(ending=ending)


# --- rows -------------------------------------------------------------------------------------------------------------

_REFUSED_KINDS = {RowState.REFUSED, RowState.OVERDUE}
_WARNING_KINDS = {RowState.PUT_ASIDE, RowState.PUT_BACK}


def _label(row: RowView, body: Body, today: date | None) -> tuple[str, str, str, str]:
    """The label's word and detail, its icon and the role of its colour."""
    due = day(row.day) if row.day else ""
    match row.state:
        case RowState.READING if isinstance(body, AccountView):
            return _("Waiting"), _("not here yet"), "off", "text_soft"
        case RowState.READING if isinstance(body, OfferView) and row.title:
            return _("To borrow"), _("place your card"), "card", "reading"
        case RowState.READING:
            return _("Reading"), _("one moment…"), "reading", "reading"
        case RowState.BORROWED:
            return _("Borrowed"), _("due {date}").format(date=due) if due else "", "tick", "ok"
        case RowState.REFUSED if isinstance(body, AccountView):
            return _("Not renewed"), "", "cross", "refused"
        case RowState.REFUSED if isinstance(body, BorrowView):
            return _("Not borrowed"), "", "cross", "refused"
        case RowState.REFUSED:
            return _("Not taken"), "", "cross", "refused"
        case RowState.RETURNED:
            return _("Returned"), _("Thank you"), "tick", "ok"
        case RowState.PUT_ASIDE:
            return _("Put aside"), _("side shelf"), "put_aside", "warning"
        case RowState.PUT_BACK:
            return _("Put back"), _("on the pad"), "put_back", "warning"
        case RowState.ON_LOAN:
            return _("Due back") if due else _("On loan"), due, "due", "reading"
        case RowState.OVERDUE:
            late = (today - row.day).days if today and row.day else 0
            return _("Overdue"), _("{n} days").format(n=late) if late > 0 else due, "warning", "refused"
        case RowState.HOLD_READY:
            return _("Ready"), _("until {date}").format(date=due) if due else _("at the desk"), "tick", "ok"
        case RowState.RENEWED:
            return _("Renewed"), due, "tick", "ok"


def _row_key(action: Action, key: str) -> Key:
    touch = Touch(action, key)
    match action:
        case Action.RENEW:
            return Key(_("Renew"), touch, "secondary", "renew")
        case Action.RETURN:
            return Key(_("Return"), touch, "secondary", "return")
        case _:
            raise ValueError(f"no key for {action} in a row")


def entry(row: RowView, body: Body, today: date | None) -> Entry:
    """A book as its spine shows it."""
    word, detail, icon, tint = _label(row, body, today)
    ghost = row.state is RowState.READING and not (isinstance(body, (OfferView, AccountView)) and row.title)
    title = row.title or (_("Reading the chip…") if row.state is RowState.READING else _("A book that cannot be read"))
    warns = row.state in _WARNING_KINDS
    say = language()
    return Entry(
        key=row.key,
        title=title,
        author=row.author,
        cloth=0 if ghost else row.cloth,
        word=word,
        detail=detail,
        icon=icon,
        tint=tint,
        ground="warning_ground" if warns else "refused_ground" if row.state in _REFUSED_KINDS else "label_ground",
        why=row.slip.why.say(say) if row.slip else "",
        now=row.slip.now.say(say) if row.slip else "",
        slip_ground="warning_ground" if warns else "refused_ground",
        slip_bar="warning_bar" if warns else "refused",
        keys=tuple(_row_key(action, row.key) for action in row.actions),
        folded=isinstance(body, AccountView),
    )


def _entries(rows: tuple[RowView, ...], body: Body, today: date | None = None) -> tuple[Entry, ...]:
    return tuple(entry(row, body, today) for row in rows)


def _slab(on_pad: int) -> tuple[str, str]:
    if not on_pad:
        return _("The pad is right below the screen"), _("The pad is right below")
    return _("Seen on the pad: {n}").format(n=on_pad), _("On the pad: {n}").format(n=on_pad)


def more_below(count: int) -> str:
    """How many books hang below what is shown; with none the pile's end is reached."""
    return _("{n} more").format(n=count) if count else _("to the top")


def words_of_card() -> str:
    """What stands on the drawing of a library card."""
    return _("Library card")


# --- pages ------------------------------------------------------------------------------------------------------------

_END = Touch(Action.END)


def _attract() -> PageText:
    other = "en" if language() == "vi" else "vi"
    return PageText(
        eyebrow=_("Borrow · Return · Renew"),
        headline=_("Place your card\nand books here"),
        other_language={"en": "Place your card and books here", "vi": "Mời đặt thẻ và sách vào đây"}[other],
        slab=_("The pad is right below the screen"),
        slab_short=_("The pad is right below"),
        also=_("To return, just place the books: no card is needed."),
    )


def _closed(body: ClosedView, now: datetime | None) -> PageText:
    big = ""
    if body.opens is not None:
        opens = local(body.opens)
        when = clock(opens)
        if now is None or local(now).date() != opens.date():
            when = f"{when} {weekday(opens)} {opens:%d/%m}"
        big = _("Opens again at {time}").format(time=when)
    return PageText(
        headline=_("The library\nis closed"),
        big=big,
        slab=_("Returns still work"),
        slab_short=_("Returns still work"),
        also=_("To return, just place the books: no card is needed."),
    )


def _trouble(rows: tuple[RowView, ...]) -> tuple[str, str, str]:
    """The note under a headline, its icon and its role: books for the librarian first, then those to place again."""
    staff = sum(row.state in (RowState.REFUSED, RowState.PUT_ASIDE) for row in rows)
    again = sum(row.state is RowState.PUT_BACK for row in rows)
    if staff:
        return _("{n} for the librarian").format(n=staff), "cross", "refused"
    if again:
        return _("{n} to place again").format(n=again), "warning", "warning"
    return "", "", "text"


def _borrow(view: View, body: BorrowView) -> PageText:
    patron = view.patron
    child = patron is not None and patron.child
    name = patron.given_name if patron else ""
    note, icon, role = _trouble(body.rows)
    slab, short = _slab(body.on_pad)
    if body.borrowed:
        headline = _("You borrowed {n}") if child else _("{n} borrowed")
        headline = headline.format(n=body.borrowed)
    elif name:
        headline = _("Hello, {name}!").format(name=name)
    else:
        headline = _("Hello!")
    if not body.rows:
        note = _("Put your books here, please.") if child else _("Place your books on the pad.")
    account = Key(_("Account"), Touch(Action.ACCOUNT), icon="account")
    finish = Key(_("I am done") if child else _("Done"), Touch(Action.FINISH), "primary", "tick")
    return PageText(
        headline=headline,
        note=note,
        note_icon=icon,
        note_role=role,
        hint=_("Add books, or press Done.") if body.rows else "",
        slab=slab,
        slab_short=short,
        entries=_entries(body.rows, body),
        primary=finish if body.rows else replace(account, kind="primary"),
        secondary=account if body.rows else Key(_("Leave"), _END, icon="leave"),
    )


def _offer(body: OfferView) -> PageText:
    slab, short = _slab(body.on_pad)
    leave = Key(_("Leave"), _END, icon="leave")
    if body.returnable:
        headline = _("Return these {n}?").format(n=body.returnable)
        if body.returnable == 1:
            headline = _("Return this book?")
        note = _("The other {n}: place your card").format(n=body.others) if body.others else ""
        primary = Key(_("Return {n}").format(n=body.returnable), Touch(Action.RETURN), "primary", "return")
    elif body.others:
        headline = _("Place your card")
        note, primary = _("to borrow these books."), None
    else:
        headline, note, primary = _("Reading…"), _("Leave the books on the pad."), None
    return PageText(
        headline=headline,
        note=note,
        hint=_("To borrow them: place your card on the reader.") if body.returnable and not body.others else "",
        slab=slab,
        slab_short=short,
        entries=_entries(body.rows, body),
        primary=primary,
        secondary=leave,
    )


def _return(body: ReturnView) -> PageText:
    slab, short = _slab(body.on_pad)
    note, icon, role = _("Put the books in the bin, please."), "", "text"
    return PageText(
        headline=_("{n} received").format(n=body.returned) if body.returned else _("Reading…"),
        note=note if body.returned else _("Leave the books on the pad."),
        note_icon=icon,
        note_role=role,
        hint=_("More books? Just place them on the pad."),
        slab=slab,
        slab_short=short,
        entries=_entries(body.rows, body),
        primary=Key(_("Finish"), Touch(Action.FINISH), "primary", "tick"),
    )


def _account(body: AccountView, today: date | None) -> PageText:
    back = Key(_("Back"), Touch(Action.BACK), icon="back")
    loans = tuple(row for row in body.rows if row.state not in (RowState.HOLD_READY, RowState.READING))
    holds = tuple(row for row in body.rows if row.state in (RowState.HOLD_READY, RowState.READING))
    entries: list[Entry] = []
    if loans:
        entries += [Entry("loans", heading=_("On loan")), *_entries(loans, body, today)]
    if holds:
        entries += [Entry("holds", heading=_("Holds")), *_entries(holds, body)]
    if body.renewed is None:
        headline = _("Your account")
        note = "" if loans else _("You have nothing on loan.")
        icon, role = "", "text"
    else:
        headline = _("{n} renewed").format(n=body.renewed)
        note = _("{n} not renewed").format(n=body.not_renewed) if body.not_renewed else ""
        icon, role = ("cross", "refused") if note else ("", "text")
    return PageText(
        headline=headline,
        note=note,
        note_icon=icon,
        note_role=role,
        entries=tuple(entries),
        counters=(
            Counter(str(body.on_loan), _("loans")),
            Counter(
                str(body.overdue),
                _("overdue"),
                "refused" if body.overdue else "reading",
                "warning" if body.overdue else "",
            ),
            Counter(str(body.holds), _("holds"), "ok" if body.holds else "reading"),
            Counter(money(body.owed), _("fines"), "text"),
        ),
        primary=Key(_("Renew all"), Touch(Action.RENEW_ALL), "primary", "renew")
        if body.can_renew
        else replace(back, kind="indigo"),
        secondary=back if body.can_renew else None,
    )


def _pin(view: View, body: PinView) -> PageText:
    left = "" if body.tries_left is None else _("Tries left: {n}.").format(n=body.tries_left)
    if body.wait_s:
        fact = _("Please wait {n} s, then try again.").format(n=body.wait_s)
    elif body.wrong:
        fact = " ".join(part for part in (_("That was not it."), left) if part)
    else:
        which = f"{card(view.patron.card_ending)}." if view.patron and view.patron.card_ending else ""
        fact = " ".join(part for part in (which, left) if part)
    return PageText(
        headline=_("Enter the staff code") if view.staff else _("Enter your PIN"),
        fact=fact,
        note=_("Only for library staff.") if view.staff else _("PIN forgotten? Please see a librarian."),
        wrong=body.wrong or bool(body.wait_s),
        entered=body.entered,
        length=body.length,
        keys=(
            *(Key(digit, Touch(Action.DIGIT, digit), "key") for digit in "123456789"),
            Key(_("Cancel"), Touch(Action.BACK), "function", "close"),
            Key("0", Touch(Action.DIGIT, "0"), "key"),
            Key(_("Erase"), Touch(Action.ERASE), "function", "backspace"),
        ),
    )


def _how_to_type(method: Method) -> tuple[str, str, str]:
    """The name of a method, how its marks are typed, and how its tones."""
    match method:
        case Method.TELEX:
            return "Telex", "aa = â, ow = ơ, uw = ư, aw = ă, dd = đ", "s f r x j = á à ả ã ạ"
        case Method.VNI:
            return "VNI", "a6 = â, o7 = ơ, u7 = ư, a8 = ă, d9 = đ", "1 2 3 4 5 = á à ả ã ạ"
        case Method.PLAIN:
            return _("Plain"), _("Letters stay as they are pressed."), ""
        case Method.DIGITS:
            return "", "", ""


def _typing(body: TypingView) -> PageText:
    line, say = body.line, language()
    before, text = line.before, line.text
    name, marks, tones = _how_to_type(line.method)
    return PageText(
        headline=body.title.say(say),
        note=marks,
        hint=tones,
        fact=_("Marks may be left out.") if marks else "",
        primary=Key(body.done.say(say) if body.done else _("Finish"), Touch(Action.FINISH), "primary", "tick"),
        secondary=Key(_("Back"), Touch(Action.BACK), "function", "back") if body.leave else None,
        typing=Typing(
            text="•" * len(text) if body.masked else text,
            caret=len(before),
            placeholder=body.placeholder.say(say) if body.placeholder else "",
            method=line.method,
            method_name=name,
            shift=line.shift,
            signs=line.signs,
            space=_("space"),
            erase=_("Erase"),
        ),
    )


def _trouble_headline(trouble: CardTrouble) -> str:
    match trouble:
        case CardTrouble.EXPIRED:
            return _("The card has expired")
        case CardTrouble.BLOCKED:
            return _("The card is stopped")
        case CardTrouble.UNKNOWN:
            return _("The card is not known")
        case CardTrouble.UNREADABLE:
            return _("The card cannot be read")
        case CardTrouble.NO_NUMBER:
            return _("The card has no number")


def _card_problem(view: View, body: CardProblemView) -> PageText:
    say = language()
    why = list(dict.fromkeys(reason.why.say(say) for reason in body.reasons))
    now = list(dict.fromkeys(reason.now.say(say) for reason in body.reasons))
    ending = view.patron.card_ending if view.patron else ""
    fact, next_step = card(ending) if ending else "", _("Please see a librarian.")
    if body.heading is CardTrouble.NO_NUMBER:
        fact = _("This card or phone shows another number each time, so it cannot say whose it is.")
        next_step = _("Please use your library card, or scan the barcode on it.")
    return PageText(
        headline=_trouble_headline(body.heading),
        headline_role="refused",
        fact=" ".join(why) or fact,
        next_step=" ".join(now) or next_step,
        hint=_("The librarian's desk can help."),
        also=_("You can still return books: press Leave, then place them on the pad."),
        primary=Key(_("Leave"), _END, "indigo"),
    )


_NOT_ASKED = {
    Receipt.PRINTING: ("printer", "reading"),
    Receipt.PRINTED: ("tick", "ok"),
    Receipt.FAILED: ("cross", "refused"),
    Receipt.UNKNOWN: ("warning", "warning"),
}


def _receipt_words(receipt: Receipt) -> str:
    match receipt:
        case Receipt.ASKED:
            return _("Print a receipt?")
        case Receipt.PRINTING:
            return _("Printing the receipt…")
        case Receipt.PRINTED:
            return _("Take your receipt, please.")
        case Receipt.FAILED:
            return _("Printing failed. All is on record.")
        case Receipt.UNKNOWN:
            return _("The printer is silent. All is on record.")
        case Receipt.NOT_OFFERED:
            return ""


#: What stands in a code on the glass, at most, in bytes: on the smallest screen a telephone still tells its modules.
_MOST_IN_CODE = 500
_NO_PAPER = (Receipt.FAILED, Receipt.UNKNOWN, Receipt.NOT_OFFERED)


def _slip_as_code(heading: str, rows: tuple[RowView, ...]) -> str:
    """The slip in words, to take along on a telephone when there is no paper: titles by their due date, and nobody."""
    done = sorted(
        (row for row in rows if row.state in (RowState.BORROWED, RowState.RETURNED)),
        key=lambda row: row.day or date.max,
    )
    text, before = heading, None
    for at, row in enumerate(done):
        due = f"\n{_('Due {date}').format(date=day(row.day))}" if row.day and row.day != before else ""
        title = row.title if len(row.title) <= 40 else f"{row.title[:39].rstrip()}…"
        more = f"{text}{due}\n- {title}"
        if len(more.encode()) > _MOST_IN_CODE:
            return f"{text}\n{more_below(len(done) - at)}"
        text, before = more, row.day
    return text


def _done(body: DoneView) -> PageText:
    took = body.borrowed > 0 or not body.returned
    summary = _("You borrowed {n} items") if took else _("You returned {n} items")
    keys: tuple[Key, ...] = ()
    if body.receipt is Receipt.ASKED:
        keys = (
            Key(_("No receipt"), Touch(Action.NO_PRINT), "secondary", "no_receipt"),
            Key(_("Print receipt"), Touch(Action.PRINT), "primary", "receipt"),
        )
    elif body.receipt is Receipt.FAILED:
        keys = (
            Key(_("Print again"), Touch(Action.PRINT), "secondary", "printer"),
            Key(_("Finish"), Touch(Action.FINISH), "primary", "tick"),
        )
    elif body.receipt is not Receipt.PRINTING:
        keys = (Key(_("Finish"), Touch(Action.FINISH), "primary", "tick"),)
    icon, role = _NOT_ASKED.get(body.receipt, ("", "text"))
    asked = body.receipt is Receipt.ASKED
    heading = _("DATE DUE SLIP") if took else _("RETURNED")
    no_paper = body.receipt in _NO_PAPER
    return PageText(
        headline=_("All done!"),
        headline_role="ok",
        fact=summary.format(n=body.borrowed if took else body.returned),
        big=heading,
        code=_slip_as_code(heading, body.rows) if no_paper else "",
        code_hint=_("Scan to take this slip along") if no_paper else "",
        entries=_entries(body.rows, body),
        stamp=_("DUE BACK · {weekday}").format(weekday=weekday(body.due).upper()) if body.due else "",
        stamp_date=day(body.due) if body.due else "",
        note=_("{n} for the librarian").format(n=body.refused) if body.refused else "",
        note_icon="cross",
        note_role="refused",
        question=_receipt_words(body.receipt),
        asks=asked,
        question_icon=icon,
        question_role=role,
        countdown=_("Without a choice, no receipt is printed.") if asked else _("Then the first screen comes back."),
        seconds=body.seconds,
        of_seconds=8 if body.receipt is Receipt.PRINTED else 20,
        keys=keys,
    )


def _out_of_service(body: OutOfServiceView) -> PageText:
    return PageText(
        headline=_("Machine out of service"),
        next_step=_("Please go to the librarian's desk."),
        hint=_("The librarian's desk can help."),
        big=_("Code {code}").format(code=body.code),
    )


def device_name(device: DeviceView) -> str:
    """What people call a device."""
    names = {
        "pad": _("RFID pad"),
        "reader": _("Card reader"),
        "card": _("Card reader"),
        "scanner": _("Barcode scanner"),
        "printer": _("Receipt printer"),
    }
    return names.get(device.kind, device.name)


def fault(code: str) -> str:
    """What a device's code means to a librarian; a code without a sentence (another package's) stands as it is."""
    sentences = {
        "": _("No answer"),
        "no_answer": _("No answer"),
        "unknown": _("No answer"),
        "cannot_open": _("Not plugged in"),
        "closed": _("Not plugged in"),
        "wire": _("Bad connection"),
        "not_sent": _("Bad connection"),
        "device": _("Does not work"),
        "refused": _("Does not do it"),
        "not_supported": _("Wrong kind of device"),
        "no_driver": _("Driver missing"),
        "defect": _("Fault of the program"),
        "paper_out": _("No paper"),
        "paper_low": _("Paper running out"),
        "cover_open": _("Cover open"),
        "offline": _("Switched off line"),
    }
    return sentences.get(code, code)


def repair_reason(code: str) -> str:
    """Why a chip waits to be secured; a newer program's reason stands as it is. Short: half a row has room for it."""
    sentences = {
        "checkin": _("Returned, not secured"),
        "undo": _("Loan was undone"),
        "found_open": _("Found open"),
        "locked": _("Chip is locked"),
        "not_supported": _("Wrong kind of chip"),
        "no_such_block": _("Wrong kind of chip"),
        "not_written": _("Chip not writable"),
        "other": _("Chip not writable"),
    }
    return sentences.get(code, code)


def ledger_trouble(code: str) -> str:
    """Why the ledger put the machine out of service (``L-`` and the name of a store's error)."""
    sentences = {
        "L-StoreError": _("Cannot be written"),
        "L-DiskFull": _("The disk is full"),
        "L-ReadOnlyDisk": _("The disk cannot be written"),
        "L-DiskFailing": _("The disk is failing"),
        "L-UnsuitableDisk": _("The disk is unsuitable"),
        "L-DatabaseInUse": _("Another program has it"),
        "L-DatabaseDamaged": _("It is damaged"),
        "L-NotADatabase": _("It is damaged"),
        "L-NoDatabase": _("It is missing"),
        "L-NewerDatabase": _("Of a newer program"),
        "L-OutdatedDatabase": _("Of an older program"),
        "L-OlderLedger": _("From an old backup"),
    }
    return sentences.get(code, code)


def _device(device: DeviceView) -> StatusLine:
    match device.well:
        case True if device.code == "paper_low":
            return StatusLine(device_name(device), fault(device.code), "warning", "warning")
        case True:
            return StatusLine(device_name(device), _("Well"), "tick", "ok")
        case False:
            return StatusLine(device_name(device), fault(device.code), "cross", "refused")
        case None:
            return StatusLine(device_name(device), _("Not known"), "off", "text_soft")


def _staff(body: StaffView) -> PageText:
    troubles = sum(one.well is not True for one in body.devices) + len(body.repairs) + (not body.clock_trusted)
    troubles += bool(body.trouble)
    devices = [_device(one) for one in body.devices]
    if not body.clock_trusted:
        devices.append(StatusLine(_("Clock"), _("not trusted"), "warning", "warning"))
    if body.trouble:
        devices.append(StatusLine(_("Ledger"), ledger_trouble(body.trouble), "cross", "refused"))
    oldest = ""
    if body.oldest_unsent:
        oldest = _("Unsent since {time}").format(time=f"{local(body.oldest_unsent):%d/%m %H:%M}")
    repairs = tuple(
        Repair(
            f"{repair.item_id} · {local(repair.since):%d/%m}",
            repair_reason(repair.reason),
            Key(_("Secured"), Touch(Action.REPAIR_DONE, repair.item_id), "secondary", "lock"),
        )
        for repair in body.repairs
    )
    serving = not body.out_of_service
    return PageText(
        headline=_("To look at: {n}").format(n=troubles) if troubles else _("All is well"),
        note=_("The machine is serving") if serving else _("The machine is out of service"),
        note_icon="warning" if troubles else "tick",
        note_role="warning" if troubles else "ok",
        devices=tuple(devices),
        counters=(
            Counter(str(body.unsent), _("waiting to be sent")),
            Counter(str(len(body.repairs)), _("chips to secure"), "refused" if body.repairs else "reading"),
        ),
        fact=oldest,
        big=_("Chips to secure") if body.repairs else "",
        hint="" if body.repairs else _("No chip waits to be secured."),
        repairs=repairs,
        secondary=Key(_("Out of service"), Touch(Action.OUT_OF_SERVICE), "danger", "out_of_service")
        if serving
        else Key(_("Back in service"), Touch(Action.IN_SERVICE), "primary", "tick"),
        primary=Key(_("Leave maintenance"), _END, "indigo", "leave"),
    )


def page(view: View) -> PageText:
    """What the body of a view says."""
    match view.body:
        case AttractView():
            text = _attract()
            return replace(text, also=_("No connection. You can still borrow and return.")) if view.offline else text
        case ClosedView() as body:
            return _closed(body, view.now)
        case BorrowView() as body:
            return _borrow(view, body)
        case OfferView() as body:
            return _offer(body)
        case ReturnView() as body:
            return _return(body)
        case AccountView() as body:
            return _account(body, local(view.now).date() if view.now else None)
        case PinView() as body:
            return _pin(view, body)
        case TypingView() as body:
            return _typing(body)
        case CardProblemView() as body:
            return _card_problem(view, body)
        case DoneView() as body:
            return _done(body)
        case OutOfServiceView() as body:
            return _out_of_service(body)
        case StaffView() as body:
            return _staff(body)


def without_titles(text: PageText) -> PageText:
    """The same page with nothing of the reader on it: what stands under the time-out's veil."""
    blank = tuple(Entry(one.key, cloth=one.cloth or 1, heading="", title="") for one in text.entries if not one.heading)
    typing = replace(text.typing, text="", caret=0, placeholder="") if text.typing else None
    return PageText(
        entries=blank, primary=text.primary, secondary=text.secondary, keys=text.keys, slab=" ", typing=typing
    )


# --- what lies around and over the page -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Steps:
    """The step bar: three labels, and which is the current one (1 to 3; 4 when all are done)."""

    labels: tuple[str, str, str]
    current: int


def steps(view: View) -> Steps | None:
    """The step bar of a view, or ``None`` where there is none."""
    borrow = (_("Card"), _("Books"), _("End"))
    back = (_("Books"), _("Bin"), _("End"))
    match view.body:
        case AttractView():
            return Steps(borrow, 1)
        case OfferView() as body:
            return Steps(back if body.returnable else borrow, 1)
        case BorrowView():
            return Steps(borrow, 2)
        case PinView() if not view.staff:
            return Steps(borrow, 1)
        case ReturnView():
            return Steps(back, 2)
        case DoneView() as body:
            return Steps(borrow if body.borrowed or not body.returned else back, 4)
        case _:
            return None


@dataclass(frozen=True, slots=True)
class Frame:
    """Header and tools: names, the clock or the reader's chip, and the labels of the four tools."""

    brand: str
    library: str
    time: str
    date: str
    patron: str
    patron_card: str
    tools: tuple[Key, ...]
    active: frozenset[Action]
    banner: str
    toast: str
    toast_icon: str


def _tools(view: View) -> tuple[Key, ...]:
    other = _("Tiếng Việt") if view.language == "en" else "English"
    return (
        Key(other, Touch(Action.LANGUAGE), icon="language"),
        Key(_("Easy view"), Touch(Action.HIGH_CONTRAST), icon="contrast"),
        Key(_("Low reach"), Touch(Action.REACHABLE), icon="reachable"),
        Key(_("Help"), Touch(Action.HELP), icon="help"),
    )


def notice(one: Notice) -> str:
    """A notice as one line."""
    match one:
        case Notice.CARD_AGAIN:
            return _("Another card: please finish first.")
        case Notice.TWO_CARDS:
            return _("Two cards at once: place only one.")
        case Notice.TAKE_CARD:
            return _("Please take your card.")
        case Notice.USE_PAD:
            return _("Please place the book on the pad.")
        case Notice.PRINTER_AWAY:
            return _("No receipts now: the printer is away.")
        case Notice.PAD_AWAY:
            return _("The pad does not answer. Please wait.")
        case Notice.READER_AWAY:
            return _("Cards cannot be read now.")
        case Notice.TOO_MANY:
            return _("Too many books: take some away.")
        case Notice.TOUCH_LATER:
            return _("One moment, please.")


def frame(view: View) -> Frame:
    """What stands around the page."""
    veiled = view.timeout is not None
    patron = view.patron if not veiled else None
    active = {
        Action.HIGH_CONTRAST: view.high_contrast,
        Action.REACHABLE: view.reachable,
        Action.HELP: view.help_open,
    }
    now = view.now
    chip = patron is not None and not isinstance(view.body, (PinView, CardProblemView))
    return Frame(
        brand=_("Maintenance") if view.staff else "Trạm Sách",
        library=view.library,
        time=clock(now) if now and not veiled else "",
        date=f"{weekday(local(now))} {day(local(now))}" if now and not veiled else "",
        patron=patron.masked_name if patron and chip else "",
        patron_card=card(patron.card_ending) if patron and chip else "",
        tools=_tools(view),
        active=frozenset(action for action, on in active.items() if on),
        banner=_("No connection. You can still borrow and return.") if view.offline else "",
        toast=notice(view.notice) if view.notice else "",
        toast_icon="warning",
    )


@dataclass(frozen=True, slots=True)
class DialogText:
    """What a dialog over the page says. ``seconds`` is ``None`` where nothing runs out."""

    headline: str
    lines: tuple[str, ...]
    primary: Key
    secondary: Key | None = None
    seconds: int | None = None
    unit: str = ""


def timeout(seconds: int) -> DialogText:
    """The question whether somebody is still there."""
    return DialogText(
        headline=_("Are you still there?"),
        lines=(_("When time is up, all is cleared."), _("What you borrowed stays on record.")),
        primary=Key(_("I need more time"), Touch(Action.MORE_TIME), "primary"),
        secondary=Key(_("Leave"), _END),
        seconds=seconds,
        unit=_("seconds"),
    )


def _help_lines(body: Body) -> tuple[str, ...]:
    match body:
        case BorrowView() | OfferView():
            return (
                _("Lay the books flat on the pad, one on the other."),
                _("Each book shows whether it is borrowed, and until when."),
                _("At the end press Done."),
            )
        case ReturnView():
            return (_("Lay the books on the pad until each shows Returned."), _("Then put them in the bin."))
        case AccountView():
            return (_("Touch a book to renew it."), _("Overdue books stand on top."))
        case PinView():
            return (_("Type the PIN of your card."), _("After several wrong tries there is a wait."))
        case TypingView():
            return (
                _("Marks may be left out, or typed with keys of their own."),
                _("The key at the lower left changes between Telex, VNI and plain keys."),
                _("Touch the text to move the caret."),
            )
        case _:
            return (
                _("To borrow: place your card on the reader, then the books on the pad."),
                _("To return: only place the books on the pad."),
            )


def help_dialog(view: View) -> DialogText:
    """What to do here, in two or three sentences."""
    return DialogText(
        headline=_("Help"),
        lines=(*_help_lines(view.body), _("The librarian is glad to help you.")),
        primary=Key(_("Close"), Touch(Action.HELP), "primary"),
    )


def previous_entry() -> Key:
    """The key to the book before; the page answers it itself."""
    return Key(_("Previous"), Touch(Action.BACK), icon="previous")


def next_entry() -> Key:
    """The key to the book after; the page answers it itself."""
    return Key(_("Next"), Touch(Action.BACK), icon="next")


# --- reachable mode ---------------------------------------------------------------------------------------------------


def reachable(view: View) -> PageText:
    """The page for the lower half of the screen: short notes, one entry at a time, at most three keys."""
    text = page(view)
    text = replace(text, headline=" ".join(text.headline.split()))
    match view.body:
        case AttractView() | ClosedView():
            return replace(text, note=text.big or text.slab, fact=text.also)
        case CardProblemView() | OutOfServiceView():
            return replace(text, note=text.fact, fact=text.next_step or text.also)
        case DoneView():
            due = _("Due back {date}").format(date=text.stamp_date) if text.stamp_date else ""
            return replace(text, note=due, note_role="text", note_icon="", fact=text.question or text.countdown)
        case StaffView():
            lines = tuple(
                Entry(one.text, title=one.text, word=one.state, icon=one.icon, tint=one.role) for one in text.devices
            )
            repairs = tuple(Entry(one.text, title=one.text, why=one.detail, keys=(one.key,)) for one in text.repairs)
            return replace(text, entries=lines + repairs)
        case AccountView():
            return replace(text, entries=tuple(one for one in text.entries if not one.heading))
        case _:
            return text
