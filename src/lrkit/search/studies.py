"""Optuna's studies in a storage: found by name, begun, and checked to be the same search."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lrkit.errors import DataError, SpecError
from lrkit.search.optional import optuna, quiet
from lrkit.search.settings import KEY, Settings
from lrkit.search.storage import Place, alone, connect, exists, lost, said

if TYPE_CHECKING:
    from optuna import Study
    from optuna.storages import BaseStorage
    from optuna.trial import FrozenTrial


def begun(storage: BaseStorage, place: Place, name: str, settings: Settings) -> Study:
    """Return the study called *name*, made where there is none; *settings* are kept with it.

    Raises `SpecError` where the one that is there is another search, or none of lrkit's.
    """
    with alone(place), quiet():
        study = optuna().create_study(
            storage=storage,
            study_name=name,
            direction=settings.direction,
            load_if_exists=True,
        )
        where = f"{place.shown}, {name!r}"
        if KEY in study.user_attrs:
            settings.check_same(kept_in(study, where), where)
        elif study.get_trials(deepcopy=False):
            raise SpecError(f"the study in {where} is not lrkit's; give the search another name")
        study.set_user_attr(KEY, settings.to_dict())
    made: Study = study
    return made


def load(place: Place, name: str) -> tuple[Settings, list[FrozenTrial]] | None:
    """Return the settings and the trials of the search called *name*; None where there is none."""
    if not exists(place):
        return None
    storage = connect(place)
    try:
        study = optuna().load_study(storage=storage, study_name=name)
        return kept_in(study, f"{place.shown}, {name!r}"), study.get_trials(deepcopy=False)
    except KeyError:
        return None
    except lost() as error:
        raise DataError(f"the search in {place.shown} cannot be read: {said(error)}") from error
    finally:
        storage.remove_session()
        storage.engine.dispose()


def kept_in(study: Any, where: str) -> Settings:
    """Return the settings kept with *study*; `SpecError` where it is none of lrkit's."""
    data = study.user_attrs.get(KEY)
    if data is None:
        raise SpecError(f"the study in {where} is not lrkit's; give the search another name")
    return Settings.from_dict(data, where)
