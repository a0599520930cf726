"""One name per language: fastText models label in ISO 639-1 (`__label__en`) or 639-3 with a script (`__label__eng_Latn`)."""

from __future__ import annotations

_LABEL = "__label__"


def language_of(label: str) -> str:
    """`__label__eng_Latn`, `__label__en`, `eng`, `en` → `en`; a language without a two-letter code keeps its three."""
    whole = label.removeprefix(_LABEL).replace("-", "_").lower()
    code = whole.split("_")[0]
    return _ODD.get(whole) or _SHORT.get(code, code)


# Wikipedia's `als` (the bundled model's) is Alemannic, ISO's (with a script, in the NLLB model) is Tosk Albanian.
_ODD = {"als_latn": "sq", "nb": "no"}

# ISO 639-1 = 639-3, for every language that has both; usual members of a macrolanguage count as the language.
_CODES = """
aa=aar ab=abk af=afr ak=aka,twi,fat am=amh an=arg ar=ara,arb,arz,acm,acq,aeb,ajp,apc,ars,ary as=asm av=ava ay=aym,ayr
az=aze,azj,azb ba=bak be=bel bg=bul bi=bis bm=bam bn=ben bo=bod br=bre bs=bos ca=cat ce=che ch=cha co=cos cs=ces cv=chv
cy=cym da=dan de=deu dv=div dz=dzo ee=ewe el=ell en=eng eo=epo es=spa et=est,ekk eu=eus fa=fas,pes,prs ff=ful,fuv fi=fin
fj=fij fo=fao fr=fra fy=fry ga=gle gd=gla gl=glg gn=grn,gug gu=guj gv=glv ha=hau he=heb hi=hin ho=hmo hr=hrv ht=hat
hu=hun hy=hye ia=ina id=ind ie=ile ig=ibo io=ido is=isl it=ita iu=iku ja=jpn jv=jav ka=kat kg=kon ki=kik kk=kaz kl=kal
km=khm kn=kan ko=kor ks=kas ku=kur,kmr kv=kom,kpv kw=cor ky=kir la=lat lb=ltz lg=lug li=lim ln=lin lo=lao lt=lit
lv=lav,lvs mg=mlg,plt mh=mah mi=mri mk=mkd ml=mal mn=mon,khk mr=mar ms=msa,zsm mt=mlt my=mya nd=nde ne=nep,npi nl=nld
nn=nno no=nor,nob nv=nav ny=nya oc=oci om=orm,gaz or=ori,ory os=oss pa=pan pl=pol ps=pus,pbt pt=por qu=que,quy rm=roh
rn=run ro=ron ru=rus rw=kin sa=san sc=srd sd=snd se=sme sg=sag si=sin sk=slk sl=slv sm=smo sn=sna so=som sq=sqi sr=srp
ss=ssw st=sot su=sun sv=swe sw=swa,swh ta=tam te=tel tg=tgk th=tha ti=tir tk=tuk tl=tgl,fil tn=tsn to=ton tr=tur ts=tso
tt=tat ty=tah ug=uig uk=ukr ur=urd uz=uzb,uzn ve=ven vi=vie vo=vol wa=wln wo=wol xh=xho yi=yid,ydd yo=yor za=zha
zh=zho,cmn zu=zul
"""
_SHORT = {
    three: two for two, _, threes in (entry.partition("=") for entry in _CODES.split()) for three in threes.split(",")
}
