rule test_file {
    meta:
        author = "M. Okafor"
        severity = "malicious"
        reason = "the text that every scanner agreed to find, harmless in itself"
    strings:
        $a = "EICAR-STANDARD-ANTIVIRUS-TEST-FILE!"
    condition:
        $a in (0..64) and filesize < 256
}
