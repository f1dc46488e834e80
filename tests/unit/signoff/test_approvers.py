"""`approvers.yaml`, `allowed_signers` and `revoked_keys`: found, read strictly, all problems at once."""

from __future__ import annotations

import pytest

from pytest_rollout.errors import SignoffError
from pytest_rollout.signoff.approvers import find_register, identities, read_register
from pytest_rollout.signoff.keys import choose_key


def test_people_roles_and_keys(office):
    """As they were written; the principal is one of the person's names."""
    register = read_register(office.folder)

    anna = register.people["anna@example.com"]
    assert anna.roles == {"product", "engineering"}
    assert anna.git == {"anna@example.com", "anna@work.example", "anna schmidt"}
    assert [each.principal for each in register.holders("engineering")] == [
        "anna@example.com",
        "ben@example.com",
        "cem@example.com",
    ]
    assert len(register.signers.of("anna@example.com")) == 1
    assert anna.may_sign("shop", "production")
    assert not register.people["cem@example.com"].may_sign("shop", "production")
    assert register.people["cem@example.com"].may_sign("pay", "production")


def test_every_problem_at_once_with_its_place(office, monkeypatch):
    """Of both files, so that one look mends them."""
    monkeypatch.chdir(office.folder)
    office.approvers(
        """
approvers:
  anna@example.com: {roles: [Product], git: [Anna]}
  eve@example.com: {rols: [product], git: []}
  ben@example.com:
    roles: [engineering, engineering]
    git: [ANNA]
  ben@example.com: {roles: [engineering], git: [Ben]}
owners: {}
"""
    )
    office.signers(eve="* ssh-ed25519 AAAA")

    with pytest.raises(SignoffError) as caught:
        read_register(office.folder)

    assert [line for line in str(caught.value).splitlines() if not line.startswith("  ")] == [
        "allowed_signers:5:1: no key of a person: '* ssh-ed25519 AAAA'",
        "approvers.yaml:2:30: approvers.anna@example.com.roles[0]: 'Product' cannot be a name here",
        "approvers.yaml:3:3: approvers.eve@example.com: 'roles' is missing",
        "approvers.yaml:3:3: approvers.eve@example.com: no key of eve@example.com in allowed_signers",
        "approvers.yaml:3:21: approvers.eve@example.com.rols: unknown key 'rols'",
        "approvers.yaml:3:43: approvers.eve@example.com.git: an empty list",
        "approvers.yaml:4:3: approvers.ben@example.com: 'anna' is anna@example.com in git, too",
        "approvers.yaml:5:26: approvers.ben@example.com.roles[1]: 'engineering' stands in the list twice",
        "approvers.yaml:7:3: approvers.ben@example.com: the same key for the second time",
        "approvers.yaml:8:1: owners: unknown key 'owners'",
    ]
    assert "did you mean 'roles'?" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "1:1: the file is empty"),
        ("approvers: {}", "an empty mapping"),
        ("approvers: [anna]", "a mapping is wanted here, not a list"),
        ("approvers: {'*': {roles: [x], git: [y]}}", "cannot be a name here"),
        ("approvers: {anna@example.com: &a {roles: [x], git: [y]}}", "anchors and aliases"),
        ("approvers: {anna@example.com: {roles: [x], git: [Anna], rollouts: []}}", "an empty list"),
        ("approvers: {anna@example.com: {roles: [x], git: [Anna], environments: ['']}}", "cannot be a name"),
        ("approvers: [", "not YAML"),
    ],
)
def test_a_file_that_is_not_sound(office, text, said):
    """An empty list of rollouts is no way to say "none", which would be read as "all"."""
    office.approvers(text)

    with pytest.raises(SignoffError, match=r"approvers\.yaml:\d") as caught:
        read_register(office.folder)

    assert said in str(caught.value)


def test_signers_that_are_missing(office):
    """Nobody could sign."""
    (office.folder / "allowed_signers").unlink()

    with pytest.raises(SignoffError, match="allowed_signers:1:1: no such file"):
        read_register(office.folder)


def test_signers_that_are_a_folder(office):
    """It is there, and is none."""
    (office.folder / "allowed_signers").unlink()
    (office.folder / "allowed_signers").mkdir()

    with pytest.raises(SignoffError, match="allowed_signers:1:1: a folder, not a file"):
        read_register(office.folder)


def test_approvers_that_are_none(office):
    """What would do is said of this file, and not of a plan."""
    office.approvers("")

    with pytest.raises(SignoffError, match=r"approvers\.yaml:1:1: the file is empty\n  it starts with 'approvers:'"):
        read_register(office.folder)


def test_comments_options_and_further_signers(office):
    """A file that serves git's commit signatures as well, of people who are no approvers."""
    office.signers(
        anna=f'# the team\n\n\tanna@example.com valid-after="20250101",namespaces="git,rollout-*" '
        f"{office.keys.public('anna')} anna@laptop\r",
        eve=f"eve@example.com {office.keys.public('eve')}",
    )

    assert office.verify(office.signed(office.approval())).complete
    assert read_register(office.folder).signers.owner("SHA256:none") == ""


def test_the_nearest_folder_up_to_the_repository(tmp_path):
    """A team's own file comes before that of all; what lies above the repository is nobody's business."""
    repository = tmp_path / "repository"
    rollout = repository / "gates" / "shop"
    rollout.mkdir(parents=True)
    (repository / ".git").mkdir()
    (tmp_path / "approvers.yaml").touch()

    with pytest.raises(SignoffError, match=r"no approvers\.yaml in .*shop or above it, up to .*repository"):
        find_register(rollout)
    (repository / "approvers.yaml").touch()
    assert find_register(rollout) == repository
    (rollout / "approvers.yaml").touch()
    assert find_register(rollout) == rollout


def test_outside_a_repository_only_the_folder_itself(tmp_path):
    """Anybody could have put one further up."""
    (tmp_path / "approvers.yaml").touch()
    (tmp_path / "shop").mkdir()

    assert find_register(tmp_path) == tmp_path
    with pytest.raises(SignoffError, match=r"no approvers\.yaml"):
        find_register(tmp_path / "shop")


def test_identities_are_compared_without_case_and_blanks():
    """As people write their names."""
    assert identities(["Anna  Schmidt", "anna schmidt", "", "  "]) == {"anna schmidt"}
    assert len(identities(["J\u00fcrgen", "Ju\u0308rgen"])) == 1


@pytest.fixture
def home(tmp_path):
    """A home with an empty `.ssh`."""
    (tmp_path / "home" / ".ssh").mkdir(parents=True)
    return tmp_path / "home"


def test_the_key_says_who_signs(office, home):
    """Named, or the one in ~/.ssh that allowed_signers lists; the private half if it lies there."""
    signers = read_register(office.folder).signers
    key = office.keys.path("anna")
    (home / ".ssh" / "other.pub").write_text(office.keys.public("mallory"), "utf-8")
    (home / ".ssh" / "work.pub").write_text(office.keys.public("anna") + " anna@laptop\n", "utf-8")

    def chosen(**more):
        found = choose_key(signers, **{"key": None, "principal": "", "home": home} | more)
        return found.principal, found.key

    assert chosen(key=key) == ("anna@example.com", key)
    assert chosen(key=key.with_suffix(".pub")) == ("anna@example.com", key.with_suffix(".pub"))
    assert chosen(key=home / "somewhere", principal="ben@example.com") == ("ben@example.com", home / "somewhere")
    assert chosen() == ("anna@example.com", home / ".ssh" / "work.pub")
    (home / ".ssh" / "work").touch()
    assert chosen() == ("anna@example.com", home / ".ssh" / "work")
    with pytest.raises(SignoffError, match=r"is the key of anna@example\.com, not of ben@example\.com"):
        chosen(key=key, principal="ben@example.com")
    with pytest.raises(SignoffError, match="say who you are with --principal"):
        chosen(key=office.keys.path("mallory"))
    with pytest.raises(SignoffError, match="no key that allowed_signers lists"):
        chosen(principal="ben@example.com")
    (home / ".ssh" / "ben.pub").write_text(office.keys.public("ben"), "utf-8")
    with pytest.raises(SignoffError, match=r"keys of anna@example\.com, ben@example\.com\nname your key with --key"):
        chosen()
    assert chosen(principal="ben@example.com") == ("ben@example.com", home / ".ssh" / "ben.pub")
